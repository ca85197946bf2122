import Crypto
import Foundation
import Testing

@testable import Configuration

/// Certificates and keys that cannot be used are problems of their keys.
struct TLSProblemTests {
    private let folder: Folder

    init() throws {
        folder = try Folder(["text": "no PEM"], certificate: "other")
        try folder.issue("tls")
    }

    private func found(_ certificate: String, _ key: String, clientCA: String? = nil, rest: String = "") -> [String] {
        let authority = clientCA.map { ", client_ca: \(folder[$0])" } ?? ""
        return problems(
            sound
                + "listeners: [{address: \":1\", tls: {certificate: \(folder[certificate]), private_key: \(folder[key])\(authority)}}]\n"
                + rest)
    }

    @Test func `a matching certificate and key are no problem`() {
        #expect(found("tls.crt", "tls.key", clientCA: "ca.pem", rest: "ca_file: \(folder["ca.pem"])") == [])
    }

    @Test func `a key of another certificate is a problem`() {
        let lines = found("tls.crt", "other.key")
        #expect(
            lines.count == 1 && lines[0].hasPrefix("berth.yaml:3: listeners[0].tls.private_key: '\(folder["other.key"])' is not"))
        #expect(lines[0].contains("key values mismatch") && lines[0].contains("; name "))
    }

    @Test func `a file without a certificate is a problem of certificate`() {
        #expect(
            found("text", "tls.key")[0].hasPrefix(
                "berth.yaml:3: listeners[0].tls.certificate: '\(folder["text"])' is not a certificate"))
    }

    @Test func `a file without a certificate is a problem of client_ca and ca_file`() {
        #expect(found("tls.crt", "tls.key", clientCA: "text")[0].hasPrefix("berth.yaml:3: listeners[0].tls.client_ca: '"))
        #expect(found("tls.crt", "tls.key", rest: "ca_file: \(folder["text"])")[0].hasPrefix("berth.yaml:4: ca_file: '"))
    }

    @Test func `the environment's certificate and key are checked too`() {
        let lines = problems(environment: [
            "BERTH_REGISTRY": registry, "BERTH_USERNAME": "u", "BERTH_PASSWORD": "p", "BERTH_TLS_CERTIFICATE": folder["tls.crt"],
            "BERTH_TLS_PRIVATE_KEY": folder["other.key"],
        ])
        #expect(lines.count == 1 && lines[0].hasPrefix("environment: BERTH_TLS_PRIVATE_KEY: '"))
    }

    @Test func `the expiry is the earliest of the chain`() throws {
        let server = try TLSServer(certificateChain: folder["tls.crt"], privateKey: folder["tls.key"])
        #expect(abs(server.expiresAt - Int(Date().timeIntervalSince1970) - 86_400) < 60)
    }
}
