import Crypto

/// Recently verified credentials, by a keyed hash of the `Authorization` field: a look-up costs one HMAC, and no password stays in it.
/// Each worker has its own. When an entry expires, `ProvenLogins` still knows the credentials, so that they are not hashed again.
package final class LoginCache {
    private struct Key: Hashable {
        let words: (UInt64, UInt64)
        static func == (a: Key, b: Key) -> Bool { a.words == b.words }
        // Part of an HMAC is already evenly distributed.
        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    /// Who was proven, and for how long that is valid, for users of one generation.
    package struct Entry {
        /// Whose credentials they are.
        package let principal: Principal
        let until: ContinuousClock.Instant
        let generation: Int
    }

    private let hash = KeyedHash(key: randomBytes(32))
    private var entries: [Key: Entry] = [:]

    /// More credentials than are in use at once: usually a few dozen are.
    private static let maxEntries = 4096
    /// How long an entry is valid.
    package static let lifetime = Duration.seconds(300)

    package init() {}

    /// The entry of these credentials; nil: unknown, expired, or verified against users of another generation.
    /// - Parameter field: the value of `Authorization`.
    package func lookup(_ field: ArraySlice<UInt8>, generation: Int, now: ContinuousClock.Instant) -> Entry? {
        guard !entries.isEmpty, let entry = entries[key(field)], entry.until > now, entry.generation == generation else {
            return nil
        }
        return entry
    }

    /// - Parameters:
    ///   - field: the value of `Authorization`.
    ///   - lifetime: shorter for a token that expires earlier; at most `LoginCache.lifetime`.
    /// - Returns: the new entry.
    @discardableResult package func insert(
        _ principal: Principal, for field: ArraySlice<UInt8>, generation: Int, now: ContinuousClock.Instant,
        lifetime: Duration = lifetime
    ) -> Entry {
        if entries.count >= Self.maxEntries {
            entries = entries.filter { $0.value.until > now && $0.value.generation == generation }
        }
        if entries.count >= Self.maxEntries { entries.removeAll(keepingCapacity: true) }
        let entry = Entry(principal: principal, until: now + min(lifetime, Self.lifetime), generation: generation)
        entries[key(field)] = entry
        return entry
    }

    private func key(_ field: ArraySlice<UInt8>) -> Key {
        let (a, b, _, _) = field.withUnsafeBytes { hash.words(of: $0) }
        return Key(words: (a, b))
    }
}
