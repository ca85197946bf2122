import Testing

@testable import Configuration

struct NearNamesTests {
    @Test(arguments: [
        ("prviate_key", "private_key"), ("privateKey", "private_key"), ("private-key", "private_key"), ("cert", "certificate"),
        ("hots", "host"), ("upstream", "upstreams"), ("adress", "address"),
    ])
    func `a name with a slip of the pen is near the one that was meant`(_ written: String, _ meant: String) {
        let known = ["private_key", "certificate", "host", "upstreams", "address", "log", "tls"]
        #expect(NearNames.of(written, among: known).first == meant)
    }

    @Test(arguments: ["foo", "x", "ab", "colour", "lot_of_it", ""])
    func `a name that nobody could have meant is near none`(_ written: String) {
        #expect(NearNames.of(written, among: ["log", "tls", "head", "workers", "routes"]).isEmpty)
    }

    @Test func `the nearest comes first`() {
        #expect(
            NearNames.of("builder", among: ["builders", "bilder2", "builder-2", "other"]) == ["builder-2", "builders", "bilder2"])
    }
}
