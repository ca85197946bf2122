import HTTP
import Registry
import Testing

@testable import Access

struct PlaceTests {
    private static func place(_ host: String?, _ namespace: String? = nil) -> Place {
        Place(host: host.map { Array($0.utf8)[...] }, namespace: namespace.map { Array($0.utf8) })
    }

    @Test(arguments: [
        ("hub.example.com", true), ("HUB.Example.com", true), ("hub.example.com:5000", true), ("hub.example.com.", true),
        ("hub.example.com.:443", true), ("hub.example.co", false), ("hub.example.comm", false), ("hub.example.com..", false),
        ("ahub.example.com", false), ("example.com", false), ("", false), (nil, false),
    ])
    func `a rule with a host applies where the client addressed that host, in any spelling`(host: String?, holds: Bool) throws {
        let repository = try #require(Repository("library/nginx"))
        for written in ["hub.example.com", "Hub.Example.Com", "hub.example.com."] {
            let user = Principal(
                name: "u", rules: [AccessRule(repositories: [.everything], actions: [.pull], host: HostName(written))])
            #expect(user.may(anyOf: [.pull], on: repository, at: Self.place(host)) == holds)
            #expect(user.may(anyOf: [.pull], on: nil, at: Self.place(host)) == holds)
            #expect(!user.may(anyOf: [.push], on: repository, at: Self.place(host)))
        }
    }

    @Test func `a rule with a host and a namespace applies where both match`() throws {
        let repository = try #require(Repository("library/nginx"))
        let user = Principal(
            name: "u",
            rules: [
                AccessRule(repositories: [.everything], actions: [.pull], host: HostName("h"), namespace: HostName("docker.io"))
            ])
        func may(_ place: Place) -> Bool { user.may(anyOf: [.pull], on: repository, at: place) }
        #expect(may(Self.place("h", "docker.io")))
        for other in [Self.place("h"), Self.place("g", "docker.io"), Self.place("h", "quay.io"), Self.place(nil, "docker.io")] {
            #expect(!may(other))
        }
    }
}
