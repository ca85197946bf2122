import CLibevent
import Glibc

/// How a socket is set while a large part of a file leaves by it.
package enum FileSending {
    /// It stays watched for room between two waits, since it is filled after each: two calls of epoll_ctl(2) less a wait.
    /// - Parameter wholeSegments: the kernel holds back what does not fill a segment (tcp(7), TCP_CORK), for at most 200 ms: a peer that reads as fast as
    ///   it comes is otherwise woken by each piece that its window lets through.
    package static func begin(on stream: SocketStream, wholeSegments: Bool) {
        stream.readiness.staysWatchedWritable = true
        if wholeSegments { cork(true, stream) }
    }

    /// What was held back is sent now.
    package static func end(on stream: SocketStream) {
        stream.readiness.staysWatchedWritable = false
        cork(false, stream)
    }

    private static func cork(_ isOn: Bool, _ stream: SocketStream) {
        guard stream.isOpen else { return }
        var value: Int32 = isOn ? 1 : 0
        setsockopt(stream.socket.descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
