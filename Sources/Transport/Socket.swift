import CLibevent
import Crypto
import Glibc

/// The calls on one non-blocking stream socket. Does not own the descriptor, and does not close it.
struct Socket {
    let descriptor: Int32

    /// Small writes go out at once: heads and chunks are already gathered into as few as can be.
    func disableNagle() {
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> IOProgress {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EAGAIN { return .wantsRead }
            if errno != EINTR { throw TransportError(call: "recv", errno: errno) }
        }
    }

    /// Bytes can be read now; not only the stream's end.
    var hasInput: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// The peer has ended its side or reset the connection, also when bytes that it sent before are still to be read.
    var isEndedByPeer: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(Self.pollRDHUP), revents: 0)
        return poll(&entry, 1, 0) > 0 && Int32(entry.revents) & (Self.pollRDHUP | POLLHUP | POLLERR) != 0
    }

    /// `POLLRDHUP` of poll(2), which Swift does not import.
    private static let pollRDHUP: Int32 = 0x2000

    /// Sends until all is taken or the socket is full.
    /// - Parameter sent: the bytes taken, also when an error is thrown after the first of them.
    func tryWrite(_ buffer: UnsafeRawBufferPointer, sent: inout Int) throws(TransportError) {
        while sent < buffer.count {
            let count = send(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                throw TransportError(call: "send", errno: errno)
            }
        }
    }

    /// Sends what the socket takes of a part of a file, without a copy through this process. One call: what it leaves would find the socket full.
    /// - Parameter count: at least 1.
    /// - Returns: bytes; nil: the file ends before them, or cannot be read.
    func trySendFile(_ file: Int32, at offset: Int, count: Int) throws(TransportError) -> Int? {
        while true {
            var position = off_t(offset)
            let sent = sendfile(descriptor, file, &position, count)
            if sent > 0 { return sent }
            if sent == 0 || errno == EIO { return nil }
            if errno == EAGAIN { return 0 }
            guard errno == EINTR else { throw TransportError(call: "sendfile", errno: errno) }
        }
    }

    var sendBuffer: SendBuffer {
        // SK_MEMINFO_SNDBUF and SK_MEMINFO_WMEM_QUEUED of linux/sock_diag.h.
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 9) { info in
            var length = socklen_t(9 * MemoryLayout<UInt32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, Self.memoryInfo, info.baseAddress, &length) == 0, length >= 24 else {
                return SendBuffer(size: 0, queued: 0)
            }
            return SendBuffer(size: Int(info[3]), queued: Int(info[5]))
        }
    }

    /// Bytes written that the peer has not acknowledged yet; 0 also where the kernel does not say.
    var unacknowledged: Int {
        var count: Int32 = 0
        return ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
    }

    /// The peer has taken something worth the wait since `unacknowledged` was read: it is slow, but has not stalled.
    func hasTaken(since unacknowledged: Int) -> Bool {
        let left = self.unacknowledged
        return left < unacknowledged && (left == 0 || unacknowledged - left >= Self.minTaken)
    }

    /// Bytes: less in a whole timeout is somebody who only wants to hold the connection.
    private static let minTaken = 4 << 10

    /// SO_MEMINFO, which Glibc does not define.
    private static let memoryInfo: Int32 = 55

    /// Has close(2) reset the connection.
    func resetOnClose() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }
}
