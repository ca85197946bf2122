/// What became of a request to empty the cache.
package enum CacheEmptying: Sendable {
    /// Blobs and manifests, and their bytes.
    case done(entries: Int, bytes: Int)
    /// The cache is not in use: what its directory holds is removed when it is.
    case postponed
    /// Nothing was removed: another process uses the directory.
    case rejected
}
