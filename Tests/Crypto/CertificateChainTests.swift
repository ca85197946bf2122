import Foundation
import Testing

@testable import Crypto

struct CertificateChainTests {
    private let folder = NSTemporaryDirectory() + "berth-chain-" + UUID().uuidString
    private let authority: CertificateAuthority

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        authority = try CertificateAuthority(name: "Example CA", days: 1)
        try authority.write(to: folder + "/ca.pem")
        try authority.issue(for: ["registry.example.com", "*.internal.example.com", "10.0.0.5"]).write(
            chain: folder + "/tls.crt", privateKey: folder + "/tls.key")
    }

    private func remove() { try? FileManager.default.removeItem(atPath: folder) }

    @Test func `a chain tells its names, its issuer and its authority`() throws {
        defer { remove() }
        let chain = try CertificateChain(path: folder + "/tls.crt")
        #expect(chain.names == ["registry.example.com", "*.internal.example.com"])
        #expect(chain.issuer == "Example CA")
        #expect(try chain.authority() == String(decoding: authority.certificatePEM(), as: UTF8.self))
        #expect(!chain.isTrustedBySystem)
        for (name, isCovered) in [
            ("registry.example.com", true), ("a.internal.example.com", true), ("10.0.0.5", true),
            ("a.b.internal.example.com", false), ("10.0.0.6", false),
            ("example.com", false),
        ] {
            #expect(chain.covers(name) == isCovered, "\(name)")
        }
    }

    @Test func `an authority that is not in the chain is found among others`() throws {
        defer { remove() }
        let text = try String(contentsOfFile: folder + "/tls.crt", encoding: .utf8)
        let end = try #require(text.firstRange(of: "-----END CERTIFICATE-----\n"))
        try String(text[..<end.upperBound]).write(toFile: folder + "/leaf.crt", atomically: true, encoding: .utf8)
        let leaf = try CertificateChain(path: folder + "/leaf.crt")
        #expect(try leaf.authority() == nil && leaf.issuer == "Example CA")
        #expect(try leaf.authority(orIn: CertificateChain(path: folder + "/ca.pem")) != nil)
        try CertificateAuthority(name: "Example CA", days: 1).write(to: folder + "/other.pem")
        #expect(try leaf.authority(orIn: CertificateChain(path: folder + "/other.pem")) == nil)
    }

    @Test func `a file without a certificate is an error`() throws {
        defer { remove() }
        #expect(throws: TLSError.self) { try CertificateChain(path: folder + "/tls.key") }
        #expect(throws: TLSError.self) { try CertificateChain(path: folder + "/none.pem") }
    }
}
