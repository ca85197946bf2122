/// What the cache holds, and whether it is used.
package struct CacheFigures: Sendable {
    /// On the disk.
    package let bytes: Int
    /// As configured: bytes on the disk at most.
    package let size: Int
    /// Contents removed to make room, since the start.
    package let evictions: Int
    /// Contents with wrong bytes, from the disk or the registry, since the start.
    package let corruptions: Int
    /// Its disk has failed.
    package let isOff: Bool

    /// - Parameter isOff: also while it has never been used.
    package init(bytes: Int, size: Int, evictions: Int, corruptions: Int, isOff: Bool) {
        (self.bytes, self.size, self.evictions, self.corruptions, self.isOff) = (bytes, size, evictions, corruptions, isOff)
    }
}
