import Foundation
import TestSupport
import Testing

/// Runs `http-client-peer.py` for the duration of a test.
final class HTTPClientPeer {
    let port: Int
    private let process: ChildProcess

    /// `tls`: paths of the certificate and its key.
    init(tls: (certificate: String, key: String)? = nil) throws {
        let script = try #require(Bundle.module.url(forResource: "http-client-peer", withExtension: "py"))
        process = try ChildProcess(["python3", script.path] + (tls.map { [$0.certificate, $0.key] } ?? []))
        let line = String(decoding: process.readLine(), as: UTF8.self)
        try #require(line.hasSuffix("\n"), "http-client-peer.py did not start")
        port = try #require(Int(line.trimmingCharacters(in: .newlines)))
    }
}

/// A self-signed certificate for `peer.test` in its own directory.
final class TestCertificate {
    let directory = FileManager.default.temporaryDirectory.appending(path: "berth-calls-\(UUID().uuidString)")
    var certificate: String { directory.appending(path: "crt.pem").path }
    var key: String { directory.appending(path: "key.pem").path }

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let command =
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
            + ["-subj", "/CN=peer.test", "-addext", "subjectAltName=DNS:peer.test", "-keyout", key, "-out", certificate]
        try #require(try ChildProcess(command).finish().status == 0, "openssl req failed")
    }

    deinit { try? FileManager.default.removeItem(at: directory) }
}
