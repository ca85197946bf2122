import HTTP
import HTTP
import HTTPServer
import Transport

/// The client's side of an exchange: its request's body comes in here, and the response goes out. What it throws is the client's failure.
struct ClientSide {
    let request: Request
    let stallTimeout: Duration

    var stream: SocketStream { request.stream }
    var scratch: UnsafeMutableRawBufferPointer { request.connection.scratch }
    var output: OutputBuffer { stream.loop.output }

    /// The next piece of the request's payload, of at most `count` bytes; empty at the end.
    func read(upTo count: Int) async throws -> [UInt8] {
        do { return try await request.read(upTo: count) } catch { throw ConnectionFailure(.client, error) }
    }

    /// Payload that is there now, at the front of `buffer`.
    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws(ConnectionFailure) -> BodyProgress {
        do { return try request.tryRead(into: buffer) } catch { throw ConnectionFailure(.client, error) }
    }

    /// Lets a client that waits for it send its body.
    func sendContinue() async throws {
        do { try await request.sendContinue() } catch { throw ConnectionFailure(.client, error) }
    }

    /// What the socket takes without a wait.
    /// - Returns: as `SocketStream.begin`.
    func begin(_ output: OutputBuffer) throws(ConnectionFailure) -> [UInt8]? {
        do { return try stream.begin(output.bytes) } catch { throw ConnectionFailure(.client, error) }
    }

    /// All of it.
    func write(_ bytes: [UInt8]) async throws {
        do { try await stream.write(bytes, timeout: stallTimeout) } catch { throw ConnectionFailure(.client, error) }
    }

    /// Waits until the socket takes bytes again.
    func waitUntilWritable() async throws {
        do { try await stream.waitUntilWritable(timeout: stallTimeout) } catch { throw ConnectionFailure(.client, error) }
    }

    /// What the socket takes without a wait.
    func tryWrite(_ bytes: UnsafeRawBufferPointer) throws(ConnectionFailure) -> Int {
        do { return try stream.tryWrite(bytes) } catch { throw ConnectionFailure(.client, error) }
    }

    /// What the socket takes of a file without a wait; nil: the file has no such bytes any more. Not with TLS.
    func trySendFile(_ file: Int32, at offset: Int, count: Int) throws(ConnectionFailure) -> Int? {
        do { return try stream.trySendFile(file, at: offset, count: count) } catch { throw ConnectionFailure(.client, error) }
    }

    /// - Throws: when a drain has run out of time.
    func checkNotAbandoned() throws(ConnectionFailure) {
        guard request.connection.isAbandoned else { return }
        throw ConnectionFailure(.client, .cancelled, call: "forward", reason: "the gateway is stopping")
    }
}
