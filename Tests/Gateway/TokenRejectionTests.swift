import HTTP
import Testing

@testable import Gateway

struct TokenRejectionTests {
    static func body(_ code: String, _ message: String) -> [UInt8] {
        Array("{\"errors\":[{\"code\":\"\(code)\",\"message\":\"\(message)\"}]}\n".utf8)
    }

    @Test func `ECR's errors for a rejected token are recognised, and its other errors are not`() {
        let expired = Self.body("DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        let old = Array("Your Authorization Token has expired. Please run 'aws ecr get-login' to fetch a new one.".utf8)
        let denied = Self.body(
            "DENIED", "User: arn:aws:sts::1:assumed-role/R/S is not authorized to perform: ecr:InitiateLayerUpload")
        #expect(TokenRejection.judge(status: 403, body: expired) == .yes(.expired))
        #expect(TokenRejection.judge(status: 403, body: old) == .yes(.expired))
        #expect(TokenRejection.judge(status: 403, body: denied) == .no)
        #expect(
            TokenRejection.judge(status: 400, body: Self.body("DENIED", "Your Authorization Token is invalid.")) == .yes(.invalid))
        #expect(TokenRejection.judge(status: 400, body: Self.body("TAG_INVALID", "immutable")) == .no)
        #expect(TokenRejection.judge(status: 400, body: []) == .unclear(.invalid))
        #expect(TokenRejection.judge(status: 403, method: .head) == .unclear(.expired))
        #expect(TokenRejection.judge(status: 401, method: .get) == .yes(.unauthorized))
        #expect(TokenRejection.judge(status: 404, method: .get) == .no)
    }

    @Test func `a body in a content coding does not tell`() throws {
        let coded = try head("HTTP/1.1 403 Forbidden", "Content-Encoding: gzip", "Content-Length: 1")
        #expect(TokenRejection.judge(coded, method: .get) == .unclear(.expired))
        #expect(TokenRejection.judge(try head("HTTP/1.1 403 Forbidden", "Content-Length: 1"), method: .get) == .inBody)
        #expect(TokenRejection.judge(try head("HTTP/1.1 200 OK", "Content-Encoding: gzip"), method: .get) == .no)
    }
}
