import Testing

@testable import Admin

struct WriteRuleTests {
    typealias Fields = (host: String?, origin: String?, site: String?)

    private func judge(_ fields: Fields, isToken: Bool?) -> WriteRule {
        WriteRule(host: fields.host, origin: fields.origin, siteRelation: fields.site, isToken: isToken, presented: isToken == true)
    }

    @Test(
        arguments: [
            ("127.0.0.1:5001", "http://127.0.0.1:5001", nil), ("127.0.0.1:5001", "http://127.0.0.1:5001", "same-origin"),
            ("LOCALHOST:5001", "http://localhost:5001", "same-origin"), ("[::1]:5001", "http://[::1]:5001", "same-origin"),
            ("berth.example", "https://berth.example", "same-origin"), ("berth.example", "http://berth.example", nil),
        ] as [Fields])
    func `Berth's own page may change something with the token`(fields: Fields) {
        #expect(judge(fields, isToken: true) == .allowed)
        #expect(judge(fields, isToken: false) == .unauthorized(presented: false))
        guard case .foreign(let reason) = judge(fields, isToken: nil) else { Issue.record("no token is configured"); return }
        #expect(reason.contains("admin.token_file"))
    }

    @Test(
        arguments: [
            ("127.0.0.1:5001", "http://127.0.0.1:5002", nil), ("127.0.0.1:5001", "http://127.0.0.1", nil),
            ("127.0.0.1:5001", "http://localhost:5001", nil), ("127.0.0.1:5001", "http://127.0.0.1:5001.evil.example", nil),
            ("127.0.0.1:5001", "http://127.0.0.1:5001@evil.example", nil), ("127.0.0.1:5001", "null", nil),
            ("127.0.0.1:5001", "", nil),
            ("127.0.0.1:5001", "ftp://127.0.0.1:5001", nil), ("127.0.0.1:5001", "http://127.0.0.1:5001", "cross-site"),
            ("127.0.0.1:5001", "http://127.0.0.1:5001", "same-site"), ("127.0.0.1:5001", "http://127.0.0.1:5001", "none"),
            ("127.0.0.1:5001", nil, "same-origin"), (nil, "http://127.0.0.1:5001", nil), ("not a host", "http://not a host", nil),
        ] as [Fields])
    func `no other web page may change anything, also with the token`(fields: Fields) {
        guard case .foreign = judge(fields, isToken: true) else { Issue.record("\(fields)"); return }
    }

    @Test func `without a page the token decides, where there is one`() {
        let fields: Fields = ("127.0.0.1:5001", nil, nil)
        #expect(judge(fields, isToken: nil) == .allowed && judge(fields, isToken: true) == .allowed)
        #expect(judge(fields, isToken: false) != .allowed)
    }

    @Test(
        arguments: [
            ("Bearer abc", "abc"), ("bearer   abc", "abc"), ("Bearer", nil), ("Basic abc", nil), ("Bearerabc", nil), (nil, nil),
            ("", nil),
        ] as [(String?, String?)])
    func `a bearer token is read from Authorization`(field: String?, token: String?) {
        #expect(WriteRule.bearerToken(field) == token.map { Array($0.utf8) })
    }
}
