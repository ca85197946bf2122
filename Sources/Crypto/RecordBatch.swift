import COpenSSL
import Glibc

/// The TLS records of one write, gathered so that they leave in one send(2). OpenSSL makes a call for each record of 16 KiB, and each call costs a
/// pass through the TCP stack and a wake-up of the peer. One per loop, used within one call at a time.
package final class RecordBatch {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 4096)
    var count = 0

    /// Bytes: a scratch buffer of 256 KiB in records of 16 KiB, with 22 to 64 bytes of header, tag and padding each.
    private static let capacity = (256 << 10) + (4 << 10)

    /// Allocates the buffer.
    package init() {}
    deinit { bytes.deallocate() }
}

/// Where a TLS session writes: an OpenSSL BIO over a non-blocking socket. Gathers records while a batch is open, and keeps what the socket does not
/// take.
final class RecordSink {
    private let descriptor: Int32
    private let batch: RecordBatch
    private var isBatching = false
    /// Records that the socket has not taken yet.
    private var unsent: [UInt8] = []
    private var unsentStart = 0

    init(descriptor: Int32, batch: RecordBatch) { (self.descriptor, self.batch) = (descriptor, batch) }

    var hasUnsent: Bool { unsentStart < unsent.count }

    /// The BIO for `SSL_set_bio`, which frees it; this sink must outlive it.
    func makeBIO() -> OpaquePointer? {
        guard let method = Self.method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    /// Process-wide and never freed, as OpenSSL's own methods are.
    private nonisolated(unsafe) static let method: OpaquePointer? = {  // set up once, then read-only
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "record sink") else { return nil }
        BIO_meth_set_write(method) { bio, data, count in
            berth_bio_clear_retry(bio)
            guard let bio, let data, let sink = BIO_get_data(bio) else { return -1 }
            let taken = Unmanaged<RecordSink>.fromOpaque(sink).takeUnretainedValue().take(
                UnsafeRawBufferPointer(start: data, count: Int(count)))
            if taken == 0 { berth_bio_retry_write(bio) }
            return taken > 0 ? Int32(taken) : -1
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()

    /// Called by OpenSSL. Returns the bytes taken; 0: try again later; below 0: the socket is broken.
    private func take(_ record: UnsafeRawBufferPointer) -> Int {
        if isBatching {
            guard batch.count + record.count <= batch.bytes.count else { return 0 }
            UnsafeMutableRawBufferPointer(rebasing: batch.bytes[batch.count...]).copyMemory(from: record)
            batch.count += record.count
            return record.count
        }
        // Handshakes and alerts, after the records that wait.
        guard !hasUnsent || flush() else { return hasFailed ? -1 : 0 }
        return send(record)
    }

    /// send(2) has failed: the connection is lost.
    private(set) var hasFailed = false

    private func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return count }
            if errno == EAGAIN { return 0 }
            if errno != EINTR {
                hasFailed = true
                return -1
            }
        }
    }

    /// Gathers records until `closeBatch`.
    func openBatch() {
        batch.count = 0
        isBatching = true
    }

    /// Sends what was gathered, and keeps what the socket does not take in `unsent`.
    func closeBatch() {
        isBatching = false
        let gathered = UnsafeRawBufferPointer(rebasing: batch.bytes.prefix(batch.count))
        var sent = 0
        while sent < gathered.count, case let count = send(UnsafeRawBufferPointer(rebasing: gathered[sent...])), count > 0 {
            sent += count
        }
        if sent < gathered.count, !hasFailed { unsent = [UInt8](gathered[sent...]) }
        unsentStart = 0
    }

    /// Sends what waits. Returns true when nothing waits any more.
    func flush() -> Bool {
        while hasUnsent {
            let count = unsent.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[unsentStart...])) }
            guard count > 0 else { return false }
            unsentStart += count
        }
        (unsent, unsentStart) = ([], 0)
        return true
    }
}
