import HTTP
import Registry
import Testing

@testable import Gateway

struct CallTests {
    @Test(arguments: [
        ("n=0", 0), ("n=7", 7), ("n=0000000000000000000000000000012", 12), ("n=9999999999", 9_999_999_999),
        ("n=99999999999999999999999999", Int.max), ("last=x", nil),
    ])
    func `a list's bound has any number of digits`(query: String, count: Int?) throws {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        for path in ["/v2/a/tags/list", "/v2/_catalog", "/v2/a/referrers/\(digest)"] {
            #expect(try Call(head(["GET \(path)?\(query) HTTP/1.1", "Host: h"])).count == count)
        }
    }

    @Test(arguments: ["n=", "n=-1", "n=+1", "n=1x", "n=%201"]) func `a bound that is no number is refused`(query: String) throws {
        let refused = try head(["GET /v2/a/tags/list?\(query) HTTP/1.1", "Host: h"])
        let refusal = #expect(throws: Refusal.self) { try Call(refused) }
        #expect(refusal?.error.status == 400)
    }
}
