/// How full a socket's send buffer is. In bytes of the kernel's memory: each piece of payload takes at most as much again for the kernel's own
/// records (socket(7), SO_SNDBUF).
package struct SendBuffer {
    /// What the buffer may grow to; 0: not known.
    let size: Int
    /// What the peer has not acknowledged yet.
    let queued: Int

    /// Bytes of payload that the socket certainly takes without making us wait.
    package var room: Int { max(0, size - queued) / 2 }
    /// A wait until the socket is writable would end at once: the kernel reports it when a third of the buffer is free.
    package var isWritable: Bool { size - queued >= queued / 2 }
}
