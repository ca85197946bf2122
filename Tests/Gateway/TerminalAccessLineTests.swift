import Testing

@testable import Gateway

struct TerminalAccessLineTests {
    @Test(arguments: [
        ("/v2/sha256/s/manifests/v1", "/v2/sha256/s/manifests/v1"), ("/v2/a/blobs/sha256:abc", "/v2/a/blobs/sha256:abc"),
        ("s", "s"),
        ("/v2/a/blobs/sha256:" + String(repeating: "0123456789abcdef", count: 4), "/v2/a/blobs/sha256:0123456789ab.."),
        (
            "/v2/a/blobs/uploads/?mount=sha256:" + String(repeating: "f", count: 64) + "&from=b/s",
            "/v2/a/blobs/uploads/?mount=sha256:ffffffffffff..&from=b/s"
        ),
    ])
    func `a digest is cut to what people compare`(target: String, shown: String) {
        #expect(String(decoding: TerminalAccessLine.shortened(Array(target.utf8)[...]), as: UTF8.self) == shown)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1_048_575, "1023.9 KiB"), (1_048_576, "1.0 MiB"),
        (6_442_450_944, "6.0 GiB"), (Int(1) << 50, "1024.0 TiB"),
    ])
    func `a size has the unit that keeps it short`(bytes: Int, text: String) {
        #expect(String(decoding: TerminalAccessLine.size(bytes), as: UTF8.self) == text)
    }

    @Test(arguments: [
        (0, "0 ms"), (999_999, "0 ms"), (12_000_000, "12 ms"), (999_000_000, "999 ms"), (1_250_000_000, "1.2 s"),
        (90_000_000_000, "90.0 s"),
    ])
    func `a time has the unit that keeps it short`(nanoseconds: Int, text: String) {
        #expect(String(decoding: TerminalAccessLine.time(nanoseconds), as: UTF8.self) == text)
    }
}
