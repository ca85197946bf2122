/// Who is told what becomes of a content: the store's ledger. From any thread; does not wait for the disk.
protocol ContentOwner: Sendable {
    /// Makes room for a fill.
    /// - Returns: nil: the content is not taken.
    func reserve(_ content: CachedContent, size: Int) -> ReservedRoom?
    /// Runs work when the files are gone that had been evicted before. The work itself must not wait for the disk.
    func afterRemovals(_ work: @escaping @Sendable () -> Void)
    /// A fill is whole: its file is to have its name.
    func filled(_ content: CachedContent, size: Int, partial: String, in directory: CacheDirectory)
    /// A fill has ended otherwise.
    func abandoned(_ content: CachedContent)
    /// The bytes are not those of the digest.
    /// - Parameter isFill: the upstream sent them; otherwise the file has changed, and is to be removed.
    func corrupt(_ content: CachedContent, isFill: Bool)
    /// A content that was found at the start is whole and right.
    func verified(_ content: CachedContent, size: Int)
    /// Its file cannot be read.
    /// - Parameter error: nil: it is no regular file of the right size.
    func unreadable(_ content: CachedContent, _ error: FileError?, in directory: CacheDirectory)
    /// The disk fails.
    func failed(_ error: FileError, in directory: CacheDirectory)
}

/// Room for a fill.
struct ReservedRoom: Sendable {
    /// Where its file goes.
    let directory: CacheDirectory
    /// Nothing has to be removed first.
    let isFree: Bool
}
