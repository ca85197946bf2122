import CLibevent
import Glibc

/// Whole segments only (tcp(7), TCP_CORK), for at most 200 ms, while a large part of a file is sent: a peer that reads as fast as it comes is otherwise
/// woken by each piece that its window lets through.
package enum WholeSegments {
    /// Has the kernel hold back what does not fill a segment, or send it now.
    package static func set(_ isOn: Bool, for stream: SocketStream) {
        guard stream.isOpen else { return }
        var value: Int32 = isOn ? 1 : 0
        setsockopt(stream.socket.descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
