/// Hosts, each with a number, compiled for look-ups: which of them a `Host` field names, in a time that does not depend on how many there are.
package struct HostTable: Sendable {
    private let trie: ByteTrie
    /// There is nothing to look up.
    package let isEmpty: Bool

    /// A name with a port is followed by a zero and the two bytes of the port: no name has a zero.
    private static let portBytes = 3

    /// - Parameter hosts: different ones. Their numbers are their positions.
    package init(_ hosts: [HostName]) {
        isEmpty = hosts.isEmpty
        trie = ByteTrie(hosts.enumerated().map { ($0.element.key, $0.offset) })
    }

    /// The host that a field's value names on any port, and the one that it names on the port it has; -1: there is none.
    /// - Parameter field: as for `HostName.matches`, which tells the same of one host.
    package func numbers(of field: ArraySlice<UInt8>) -> (anyPort: Int32, samePort: Int32) {
        guard !isEmpty else { return (-1, -1) }
        return field.withUnsafeBytes { all in
            guard let parts = Authority(all, 0..<all.count) else { return (-1, -1) }
            let count = parts.name.count
            return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count + Self.portBytes) { key in
                for offset in 0..<count { key[offset] = lower(all[parts.name.lowerBound + offset]) }
                let name = UnsafeBufferPointer(rebasing: key.prefix(count))
                guard let port = parts.port else { return (trie.number(of: name), -1) }
                (key[count], key[count + 1], key[count + 2]) = (0, UInt8(port >> 8), UInt8(port & 0xff))
                return (trie.number(of: name), trie.number(of: UnsafeBufferPointer(key)))
            }
        }
    }
}
