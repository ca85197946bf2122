/// What the cache holds, and whether it is used.
package struct CacheFigures: Sendable {
    /// On the disk.
    package let bytes: Int
    /// Contents removed to make room, since the start.
    package let evictions: Int
    /// Its disk has failed.
    package let isOff: Bool

    /// - Parameter isOff: also while it has never been used.
    package init(bytes: Int, evictions: Int, isOff: Bool) { (self.bytes, self.evictions, self.isOff) = (bytes, evictions, isOff) }
}
