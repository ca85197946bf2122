import Glibc
import Testing

@testable import Crypto

struct CertificateAuthorityTests {
    /// A handshake over a socket pair, both sides in turn until the client's is complete or one fails.
    static func handshake(as name: String, issuedFor names: [String]) throws {
        var template = Array("/tmp/berth-ca-XXXXXX".utf8CString)
        _ = try #require(mkdtemp(&template))
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { for file in ["ca.pem", "chain.pem", "key.pem", ""] { remove("\(directory)/\(file)") } }

        let authority = try CertificateAuthority(name: "Test authority")
        try authority.write(to: "\(directory)/ca.pem")
        try authority.issue(for: names).write(chain: "\(directory)/chain.pem", privateKey: "\(directory)/key.pem")

        var pair: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
        defer { for descriptor in pair { close(descriptor) } }
        let server = try TLSSession(
            server: TLSServer(certificateChain: "\(directory)/chain.pem", privateKey: "\(directory)/key.pem"), descriptor: pair[0],
            batch: RecordBatch())
        let client = try TLSSession(
            client: TLSClient(authority: "\(directory)/ca.pem"), name: name, descriptor: pair[1], batch: RecordBatch())
        for _ in 0..<10 {
            if case .bytes = try client.handshake() { return }
            _ = try server.handshake()
        }
        Issue.record("no handshake in ten steps")
    }

    static let names = ["*.dkr.ecr.eu-west-1.amazonaws.com", "localhost", "127.0.0.1", "::1"]

    @Test(arguments: ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "localhost", "127.0.0.1", "::1"])
    func `a certificate is valid for the names and addresses it was issued for`(name: String) throws {
        try Self.handshake(as: name, issuedFor: Self.names)
    }

    @Test(arguments: ["a.b.dkr.ecr.eu-west-1.amazonaws.com", "example.com", "127.0.0.2", "::2"])
    func `a certificate is not valid for other names and addresses`(name: String) throws {
        let error = #expect(throws: TLSError.self) { try Self.handshake(as: name, issuedFor: Self.names) }
        #expect(error?.reason.contains("mismatch") == true)
    }

    @Test func `a name that contains a second one is refused`() throws {
        let authority = try CertificateAuthority(name: "Test authority")
        #expect(throws: TLSError.self) { try authority.issue(for: ["a.example,DNS:evil.example"]) }
    }
}
