import Testing

@testable import Gateway

struct AccessLogTests {
    @Test(arguments: [
        ("/v2/", "/v2/"),
        ("/v2/_catalog?n=10&last=abc", "/v2/_catalog?n=10&last=abc"),
        ("/v2/a/blobs/uploads/u?digest=sha256:00&_state=secret", "/v2/a/blobs/uploads/u?digest=sha256:00"),
        ("/v2/a/blobs/uploads/?mount=sha256:00&from=b", "/v2/a/blobs/uploads/?mount=sha256:00&from=b"),
        ("/v2/?X-Amz-Signature=abc&X-Amz-Security-Token=def", "/v2/"),
        ("/v2/?token=n&N=1&nn=2&n", "/v2/?n"),
        ("/v2/?", "/v2/"),
        ("/v2/?a=1?n=2", "/v2/"),
    ])
    func `only query parameters that are no secret are logged`(target: String, shown: String) {
        #expect(String(decoding: AccessLog.shown(Array(target.utf8)[...]), as: UTF8.self) == shown)
    }

    @Test func `a long target is cut`() {
        for target in ["/v2/" + String(repeating: "a", count: 9000), "/v2/?n=" + String(repeating: "1", count: 9000)] {
            #expect(AccessLog.shown(Array(target.utf8)[...]).elementsEqual(target.utf8.prefix(1024)))
        }
    }
}
