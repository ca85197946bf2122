import Crypto
import TestSupport
import Testing

@testable import Gateway

struct RecentDigestsTests {
    @Test func `a manifest's digest is its own, whatever passed before`() {
        let digests = RecentDigests()
        var random = Seeded(13)
        // Many more than are kept, which differ in one byte or in their length only.
        var manifests = (0..<200).map { [UInt8](repeating: UInt8($0), count: 3_000) }
        for size in [0, 1, 15, 16, 17, 16 << 10, (16 << 10) + 1, 100_000] { manifests.append([UInt8](repeating: 7, count: size)) }
        for place in stride(from: 0, to: 3_000, by: 100) {
            var changed = manifests[0]
            changed[place] ^= 1
            manifests.append(changed)
        }
        for _ in 0..<5_000 {
            guard let manifest = manifests.randomElement(using: &random) else { return }
            let digest = manifest.withUnsafeBytes { digests.digest(of: $0) }
            let expected = "sha256:" + Hexadecimal.string(of: SHA256.digest(of: manifest))
            guard String(decoding: digest, as: UTF8.self) == expected else {
                Issue.record("a manifest of \(manifest.count) bytes got another's digest")
                return
            }
        }
    }
}
