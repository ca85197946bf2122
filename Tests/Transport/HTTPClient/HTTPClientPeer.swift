import Foundation
import Testing

/// Runs `http-client-peer.py` for the duration of a test.
final class HTTPClientPeer {
    let port: Int
    private let process: Process

    /// `tls`: paths of the certificate and its key.
    init(tls: (certificate: String, key: String)? = nil) throws {
        let script = try #require(Bundle.module.url(forResource: "http-client-peer", withExtension: "py"))
        process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", script.path] + (tls.map { [$0.certificate, $0.key] } ?? [])
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice  // some tests close connections early
        try process.run()
        var line = ""
        while !line.hasSuffix("\n") {
            let bytes = output.fileHandleForReading.availableData
            try #require(!bytes.isEmpty, "http-client-peer.py did not start")
            line += String(decoding: bytes, as: UTF8.self)
        }
        port = try #require(Int(line.trimmingCharacters(in: .newlines)))
    }

    deinit { process.terminate() }
}

/// A self-signed certificate for `peer.test` in its own directory.
final class TestCertificate {
    let directory = FileManager.default.temporaryDirectory.appending(path: "berth-calls-\(UUID().uuidString)")
    var certificate: String { directory.appending(path: "crt.pem").path }
    var key: String { directory.appending(path: "key.pem").path }

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
            + ["-subj", "/CN=peer.test", "-addext", "subjectAltName=DNS:peer.test", "-keyout", key, "-out", certificate]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl req failed")
    }

    deinit { try? FileManager.default.removeItem(at: directory) }
}
