import Testing

@testable import Registry

struct RegistryErrorTests {
    @Test func `an error is JSON whatever its message contains`() {
        let json = String(decoding: RegistryError(.denied, "a \"b\" \\ \n").json(requestID: "r"), as: UTF8.self)
        #expect(
            json
                == "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"a \\\"b\\\" \\\\ \\u000a\",\"detail\":{\"request_id\":\"r\"}}]}\n"
        )
    }

    @Test func `an error without a request identifier has a null detail`() {
        let json = String(decoding: RegistryError(.unsupported, "x").json(requestID: nil), as: UTF8.self)
        #expect(json == "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"x\",\"detail\":null}]}\n")
    }

    @Test func `a status other than the code's own can be given`() {
        #expect(RegistryError(.unavailable, "x").status == 503)
        #expect(RegistryError(.unavailable, "x", status: 504).status == 504)
    }
}
