import Transport

/// Asks the admin listener of a running gateway, from the same machine.
struct AdminClient {
    let address: SocketAddress
    let loop: EventLoop

    /// From the start to the last byte of the response. A gateway responds within milliseconds, whatever its workers do.
    private static let patience = Duration.seconds(3)

    func get(_ path: String) async throws(HTTPClientError) -> HTTPClientResponse {
        let local = address.reachedLocally
        let url = HTTPClientURL(
            scheme: .http, host: local.host.contains(":") ? "[\(local.host)]" : local.host, port: Int(local.port), path: path)
        var request = HTTPClientRequest("GET \(path)", url: url)
        (request.connectTimeout, request.timeout, request.mayUseProxy) = (Self.patience, Self.patience, false)
        return try await HTTPClient(loop: loop, userAgent: "berth/\(ProgramVersion.text)").call(request)
    }
}
