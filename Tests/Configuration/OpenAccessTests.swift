import Testing

@testable import Configuration

struct OpenAccessTests {
    private static let hub = "hub.example.com", mirror = "{upstream: main, upstream_prefix: hub/"

    /// Routes, the rule's place, and the place and the route that it also opens.
    private static let cases: [(routes: [String], place: String, stray: String?)] = [
        (["{upstream: main}", "\(mirror), host: \(hub)}"], "host: \(hub)", nil),
        (["{upstream: main}", "\(mirror), host: Hub.Example.com}"], "host: \(hub)", nil),
        (["{upstream: main}", "\(mirror), namespace: docker.io}"], "namespace: docker.io", nil),
        (["{upstream: main}", "\(mirror), host: \(hub)}", "\(mirror), namespace: docker.io}"], "namespace: docker.io", nil),
        (
            ["{upstream: main}", "\(mirror), host: \(hub)}", "{upstream: main, upstream_prefix: q/, namespace: quay.io}"],
            "namespace: quay.io", "\(hub) with ns=quay.io this also opens what routes[1]"
        ),
        (["{upstream: main}", "\(mirror), namespace: docker.io}", "\(mirror), host: \(hub)}"], "namespace: docker.io", nil),
        (["{upstream: main}"], "host: \(hub)", "\(hub) this also opens what routes[0]"),
        (
            ["{upstream: main}", "{upstream: main, prefix: team/}", "\(mirror), host: \(hub)}"], "host: \(hub)",
            "\(hub) this also opens what routes[1]"
        ),
        (["{upstream: main, prefix: team/, host: own.example.com}", "\(mirror), host: \(hub)}"], "host: \(hub)", nil),
        (
            ["{upstream: main, host: own.example.com}", "\(mirror), namespace: docker.io}"], "namespace: docker.io",
            "own.example.com with ns=docker.io this also opens what routes[0]"
        ),
        (["\(mirror), namespace: docker.io}", "{upstream: main, host: own.example.com}"], "namespace: docker.io", nil),
        (
            ["{upstream: main, host: own.example.com}", "\(mirror), namespace: docker.io}"], "host: \(hub), namespace: docker.io",
            nil
        ),
        ([], "host: \(hub)", nil),
    ]

    @Test(arguments: cases)
    func `a rule for a mirror that also opens another route gives a warning`(routes: [String], place: String, stray: String?) throws
    {
        let rule = "{repositories: [\"**\"], actions: [pull], \(place)}"
        let text =
            "upstreams: [{name: main, registry: \(registry)}]\nroutes: [\(routes.joined(separator: ", "))]\n"
            + "anonymous: {access: [\(rule)]}"
        let warnings = try SettingsFile.parse(text, file: "berth.yaml", environment: [:]).warnings
        #expect(warnings.count == (stray == nil ? 0 : 1))
        if let stray { #expect(warnings[0].hasPrefix("berth.yaml:3: anonymous.access[0]: at \(stray) serves;")) }
    }
}
