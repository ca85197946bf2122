import Crypto
import Testing

@testable import Access

struct BasicCredentialsTests {
    @Test(arguments: [
        "", "Basic", "Basic ", "Token dTpw", "Bearer dTpw", "Basic d_pw", "Basic dTpw=x", "Basic dXA=", "Basic d", "Basic dTpw===",
    ])
    func `a malformed field has no credentials`(field: String) { #expect(BasicCredentials(field: Array(field.utf8)) == nil) }

    @Test func `the first colon separates user name and password`() throws {
        let credentials = try #require(BasicCredentials(field: basic("dTpwOnE=")))  // u:p:q
        #expect(credentials.user == Array("u".utf8) && credentials.password.reveal == Array("p:q".utf8))
    }
}
