import Crypto

/// Credentials that were verified a short while ago, under a keyed hash: the common request costs one HMAC, and memory holds no
/// password. A worker's own.
package final class CredentialCache {
    private struct Key: Hashable {
        let words: (UInt64, UInt64)
        static func == (a: Key, b: Key) -> Bool { a.words == b.words }
        // The words are an HMAC's: spread as evenly as any hash of them.
        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    private let hash = KeyedHash(key: randomBytes(32))
    private var entries: [Key: (principal: Principal, until: ContinuousClock.Instant, generation: Int)] = [:]

    /// Credentials in use at once; a site has dozens.
    private static let maxEntries = 4096
    /// How long a password that was taken back can still be used by who used it just before.
    package static let lifetime = Duration.seconds(300)

    package init() {}

    package func lookup(_ field: ArraySlice<UInt8>, generation: Int, now: ContinuousClock.Instant) -> Principal? {
        guard !entries.isEmpty, let entry = entries[key(field)], entry.until > now, entry.generation == generation else {
            return nil
        }
        return entry.principal
    }

    /// - Parameter lifetime: of what ends before others do.
    package func insert(
        _ principal: Principal, for field: ArraySlice<UInt8>, generation: Int, now: ContinuousClock.Instant,
        lifetime: Duration = lifetime
    ) {
        if entries.count >= Self.maxEntries {
            entries = entries.filter { $0.value.until > now && $0.value.generation == generation }
        }
        if entries.count >= Self.maxEntries { entries.removeAll(keepingCapacity: true) }
        entries[key(field)] = (principal, now + min(lifetime, Self.lifetime), generation)
    }

    private func key(_ field: ArraySlice<UInt8>) -> Key {
        let (a, b, _, _) = field.withUnsafeBytes { hash.words(of: $0) }
        return Key(words: (a, b))
    }
}
