import Transport

/// Sends a request and returns all bytes until the server closes.
actor Client {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    init(loop: EventLoop) { self.loop = loop }

    func exchange(_ request: String, with address: SocketAddress) async throws -> String {
        let stream = try await Connector.connect(to: [address], on: loop, waiter: Waiter(), timeout: .seconds(60))
        try await stream.write(Array(request.utf8), timeout: .seconds(60))
        var response: [UInt8] = []
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { room.deallocate() }
        while case let count = (try? await stream.read(into: room, timeout: .seconds(60))) ?? 0, count > 0 {
            response += room.prefix(count)
        }
        return String(decoding: response, as: UTF8.self)
    }
}
