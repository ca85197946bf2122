import Crypto
import FoundationEssentials
import Logging
import Testing
import Transport

@testable import Sandbox

/// A sandbox for one test, and a plain client that calls it over real sockets.
struct TestSandbox: Sendable {
    struct Response: Sendable {
        var status: Int
        /// Names in lower case.
        var fields: [String: String]
        var body: [UInt8]
        /// The body is shorter than `Content-Length`.
        var isTruncated: Bool
        var text: String { String(decoding: body, as: UTF8.self) }

        func json<Value: Decodable>(_ type: Value.Type) throws -> Value { try JSONDecoder().decode(type, from: Data(body)) }
        /// The code of a registry's error.
        var code: String? {
            struct Errors: Decodable {
                struct Entry: Decodable { var code, message: String }
                var errors: [Entry]
            }
            return try? json(Errors.self).errors.first?.code
        }
    }

    let sandbox: ECRSandbox
    let client: Client
    /// What follows `Basic `.
    let token: String

    /// Runs `body` with a sandbox, which is empty unless a directory is given.
    static func run(_ quirks: [Quirk: Bool] = [:], in directory: String? = nil, _ body: (TestSandbox) async throws -> Void)
        async throws
    {
        var settings = SandboxSettings(directory: directory)
        settings.quirks = quirks
        let sandbox = try ECRSandbox.start(settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let client = try Client(authority: sandbox.addresses.caFile)
        do {
            try await body(TestSandbox(sandbox: sandbox, client: client, token: try await client.token(of: sandbox)))
        } catch {
            await sandbox.stop()
            client.loop.stop()
            throw error
        }
        await sandbox.stop()
        client.loop.stop()
    }

    func registry(
        _ method: String, _ path: String, fields: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> Response {
        let host = sandbox.addresses.registryHost
        return try await client.send(
            sandbox.addresses.registry, name: host, method, path,
            fields: [("Host", host), ("Authorization", "Basic \(token)")] + fields, body: body)
    }

    @discardableResult
    func control(_ method: String, _ path: String, _ body: String? = nil) async throws -> Response {
        let address = String(sandbox.addresses.control.dropFirst("http://".count))
        return try await client.send(
            address, name: nil, method, path, fields: [("Host", address)], body: body.map { Array($0.utf8) })
    }

    func metadata(_ method: String, _ path: String, fields: [(String, String)] = []) async throws -> Response {
        let address = String(sandbox.addresses.metadata.dropFirst("http://".count))
        return try await client.send(address, name: nil, method, path, fields: [("Host", address)] + fields, body: nil)
    }

    /// Follows a presigned URL.
    func bucket(_ method: String, _ url: String, fields: [(String, String)] = []) async throws -> Response {
        let host = sandbox.addresses.s3Host
        let path = try #require(url.hasPrefix("https://\(host)/") ? String(url.dropFirst("https://\(host)".count)) : nil)
        return try await client.send(sandbox.addresses.s3, name: host, method, path, fields: [("Host", host)] + fields, body: nil)
    }

    /// A signed call of ECR's API.
    func api(_ operation: String, _ body: String, keys: SigningKeys? = nil, at now: Int? = nil) async throws -> Response {
        try await client.api(sandbox, operation, body, keys: keys, at: now)
    }

    // MARK: Pushes

    func upload(_ content: [UInt8], to repository: String) async throws -> String {
        let digest = "\(ContentDigest.of(content))"
        let begun = try await registry("POST", "/v2/\(repository)/blobs/uploads/")
        let put = try await registry("PUT", "\(try path(begun))?digest=\(digest)", body: content)
        #expect(put.status == 201)
        return digest
    }

    /// The path of a response's `Location`.
    func path(_ response: Response) throws -> String {
        let location = try #require(response.fields["location"])
        return String(location.dropFirst("https://\(sandbox.addresses.registryHost)".count))
    }

    static func manifest(config: (String, Int), layers: [(String, Int)], subject: String? = nil) -> [UInt8] {
        func descriptor(_ type: String, _ content: (String, Int)) -> String {
            "{\"mediaType\":\"\(type)\",\"digest\":\"\(content.0)\",\"size\":\(content.1)}"
        }
        let list = layers.map { descriptor("application/vnd.oci.image.layer.v1.tar", $0) }.joined(separator: ",")
        let type = "application/vnd.oci.image.manifest.v1+json"
        let tail = subject.map { ",\"subject\":" + descriptor(type, ($0, 2)) } ?? ""
        return Array(
            "{\"schemaVersion\":2,\"mediaType\":\"\(type)\",\"config\":\(descriptor("application/vnd.oci.image.config.v1+json", config)),\"layers\":[\(list)]\(tail)}"
                .utf8)
    }

    /// An image of one layer.
    func push(_ content: [UInt8], to repository: String, as reference: String, subject: String? = nil) async throws -> (
        image: String, layer: String
    ) {
        let config = try await upload(Array("{}".utf8), to: repository)
        let layer = try await upload(content, to: repository)
        let manifest = Self.manifest(config: (config, 2), layers: [(layer, content.count)], subject: subject)
        let response = try await registry("PUT", "/v2/\(repository)/manifests/\(reference)", body: manifest)
        #expect(response.status == 201)
        return ("\(ContentDigest.of(manifest))", layer)
    }
}

/// A client with one connection per request, on a loop of its own.
actor Client {
    nonisolated let loop = EventLoop()
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let trust: TLSClient

    init(authority: String) throws {
        trust = try TLSClient(authority: authority)
        loop.start(named: "test-client")
    }

    /// - Parameter name: the host name in the expected certificate; nil for plain HTTP.
    func send(
        _ address: String, name: String?, _ method: String, _ path: String, fields: [(String, String)], body: [UInt8]?
    ) async throws -> TestSandbox.Response {
        let address = try #require(SocketAddress(address))
        let stream = try await Connector.connect(to: [address], on: loop, waiter: Waiter(), timeout: .seconds(5))
        defer { stream.close() }
        if let name { try await stream.connectTLS(trust, name: name, timeout: .seconds(5)) }
        let length = body.map { [("Content-Length", String($0.count))] } ?? []
        let lines = (fields + length + [("Connection", "close")]).map { "\($0): \($1)\r\n" }.joined()
        try await stream.write(Array("\(method) \(path) HTTP/1.1\r\n\(lines)\r\n".utf8) + (body ?? []), timeout: .seconds(10))
        var received: [UInt8] = []
        while true {
            let count: Int
            do { count = try await stream.read(into: loop.scratch, timeout: .seconds(10)) } catch {
                // Some tests expect a reset in the middle of a response. Before it, a reset is an error.
                if received.isEmpty { throw error }
                break
            }
            if count == 0 { break }
            received += loop.scratch.prefix(count)
        }
        return try parse(received, hasBody: method != "HEAD")
    }

    private func parse(_ bytes: [UInt8], hasBody: Bool) throws -> TestSandbox.Response {
        let end = try #require(
            bytes.indices.first { bytes[$0...].starts(with: "\r\n\r\n".utf8) }, "the connection ended without a response")
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let fields = lines.dropFirst().map { line in
            let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (pair[0].lowercased(), String(pair[1].drop { $0 == " " }))
        }
        let byName = Dictionary(fields, uniquingKeysWith: { "\($0), \($1)" })
        let body = Array(bytes[(end + 4)...])
        let length = byName["content-length"].flatMap(Int.init) ?? 0
        return try TestSandbox.Response(
            status: #require(Int(lines[0].split(separator: " ")[1])), fields: byName, body: body,
            isTruncated: hasBody && body.count != length)
    }

    func api(_ sandbox: ECRSandbox, _ operation: String, _ body: String, keys: SigningKeys?, at now: Int?) async throws
        -> TestSandbox.Response
    {
        let addresses = sandbox.addresses
        let host = "api.ecr.\(addresses.region).amazonaws.com"
        let time = Moment.basic(now ?? Clock().seconds)
        var request = ReceivedRequest(
            method: "POST", path: "/",
            fields: [
                ("Host", host), ("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Date", time),
                ("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.\(operation)"),
            ])
        if let token = keys?.session?.token { request.fields.append(("X-Amz-Security-Token", token.reveal)) }
        let signed = request.fields.map { $0.name.lowercased() }.sorted()
        let scope = CredentialScope(
            accessKeyID: keys?.accessKeyID ?? addresses.accessKeyID, day: String(time.prefix(8)), region: addresses.region,
            service: "ecr")
        let canonical = request.canonical(
            signed: signed, payload: Hexadecimal.string(of: SHA256.digest(of: Array(body.utf8))), isObjectStore: false)
        let signature = scope.signature(of: canonical, at: time, secret: keys?.secret ?? Secret(addresses.secretAccessKey))
        request.fields.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(scope.accessKeyID)/\(scope.text), SignedHeaders=\(signed.joined(separator: ";")), Signature=\(signature)"
            ))
        return try await send(
            addresses.api, name: host, "POST", "/", fields: request.fields.map { ($0.name, $0.value) }, body: Array(body.utf8))
    }

    func token(of sandbox: ECRSandbox) async throws -> String {
        struct Tokens: Decodable {
            struct Entry: Decodable { var authorizationToken: String, expiresAt: Double, proxyEndpoint: String }
            var authorizationData: [Entry]
        }
        let response = try await api(sandbox, "GetAuthorizationToken", "{}", keys: nil, at: nil)
        return try #require(try response.json(Tokens.self).authorizationData.first?.authorizationToken)
    }
}
