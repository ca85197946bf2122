import Testing

@testable import Gateway

struct ListPageTests {
    private static let names = ["a", "b", "c", "d"]

    private func page(_ query: String, publicURL: String = "") throws -> (names: [String], link: String?) {
        let page = ListPage(
            of: Self.names, for: try registryRequest("GET /v2/x/tags/list\(query)"), publicURL: bytes(publicURL), isBefore: <)
        return (page.names, page.fields.first { $0.0 == "Link" }?.1)
    }

    @Test(arguments: [
        ("", ["a", "b", "c", "d"]), ("?n=2", ["a", "b"]), ("?n=2&last=b", ["c", "d"]), ("?n=9&last=b", ["c", "d"]),
        ("?last=bb", ["c", "d"]), ("?last=d", []), ("?last=zzz", []), ("?n=0", []), ("?n=4", ["a", "b", "c", "d"]),
        ("?n=99999999999999999999", ["a", "b", "c", "d"]),
    ])
    func `a page has the names after last, and no more than n`(query: String, names: [String]) throws {
        #expect(try page(query).names == names)
    }

    @Test(
        arguments: [
            ("", nil), ("?n=0", nil), ("?n=4", nil), ("?n=2&last=b", nil), ("?n=2", "</v2/x/tags/list?n=2&last=b>; rel=\"next\""),
            ("?n=1&last=a", "</v2/x/tags/list?n=1&last=b>; rel=\"next\""),
            ("?n=1&ns=docker.io", "</v2/x/tags/list?n=1&last=a&ns=docker.io>; rel=\"next\""),
            ("?n=1&ns=%3E%0A", "</v2/x/tags/list?n=1&last=a>; rel=\"next\""),
        ] as [(String, String?)])
    func `a page that is not the last names the next`(query: String, link: String?) throws {
        #expect(try page(query).link == link)
    }

    @Test func `with a public address the link is absolute`() throws {
        #expect(try page("?n=1", publicURL: "https://r").link == "<https://r/v2/x/tags/list?n=1&last=a>; rel=\"next\"")
    }
}

struct RecentListsTests {
    @Test func `a list is remembered for its upstream and path, up to a bound of names`() throws {
        let lists = RecentLists(), one = try upstream("one"), two = try upstream("two")
        lists.remember(["a"], of: one, "/p")
        #expect(lists.list(of: one, "/p") == ["a"] && lists.list(of: one, "/q") == nil && lists.list(of: two, "/p") == nil)
        lists.remember([String](repeating: "x", count: 20_001), of: one, "/p")
        #expect(lists.list(of: one, "/p") == nil, "the old list is gone too")
    }

    @Test func `a new list replaces the oldest one`() throws {
        let lists = RecentLists(), one = try upstream("one")
        for number in 0..<17 { lists.remember(["a"], of: one, "/\(number)") }
        #expect(lists.list(of: one, "/0") == nil && lists.list(of: one, "/1") != nil && lists.list(of: one, "/16") != nil)
    }
}
