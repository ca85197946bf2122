package import HTTP

/// The hosts and namespaces that routes or rules are for, compiled for look-ups: which of them cover a place, in a time that does not depend on
/// how many there are. It agrees with `Place.isWithin`.
package struct PlaceTable: Sendable {
    /// What a route or rule says of places; nil: any.
    package struct Condition: Hashable, Sendable {
        let host: HostName?, namespace: HostName?

        /// nil: any.
        package init(host: HostName?, namespace: HostName?) { (self.host, self.namespace) = (host, namespace) }
    }

    /// How many different conditions there are. They are numbered from 0.
    package let count: Int
    /// The number of each condition that the table was made of.
    package let members: [Int]
    private let hosts: HostTable, namespaces: HostTable
    /// By the numbers of host and namespace.
    private let numbers: [UInt64: Int32]
    /// The number of the condition that every place meets; -1: there is none.
    private let everywhere: Int32

    /// - Parameter all: of all routes or rules; they may be equal.
    package init(_ all: [Condition]) {
        var conditions: [Condition] = []
        var known: [Condition: Int] = [:]
        members = all.map { condition in
            if let number = known[condition] { return number }
            known[condition] = conditions.count
            conditions.append(condition)
            return conditions.count - 1
        }
        count = conditions.count
        func positions(_ names: [HostName?]) -> [HostName: Int] {
            names.reduce(into: [:]) { positions, name in
                if let name, positions[name] == nil { positions[name] = positions.count }
            }
        }
        let hosts = positions(conditions.map(\.host)), namespaces = positions(conditions.map(\.namespace))
        func table(_ positions: [HostName: Int]) -> HostTable {
            HostTable(positions.sorted { $0.value < $1.value }.map(\.key))
        }
        (self.hosts, self.namespaces) = (table(hosts), table(namespaces))
        var numbers: [UInt64: Int32] = [:]
        for (number, condition) in conditions.enumerated() {
            let host = condition.host.flatMap { hosts[$0] } ?? -1, namespace = condition.namespace.flatMap { namespaces[$0] } ?? -1
            numbers[Self.key(Int32(host), Int32(namespace))] = Int32(number)
        }
        self.numbers = numbers
        everywhere = numbers[Self.key(-1, -1)] ?? -1
    }

    /// - Parameter host: its number, as `namespace`; -1: any.
    private static func key(_ host: Int32, _ namespace: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: host)) << 32 | UInt64(UInt32(bitPattern: namespace))
    }

    /// Numbers of conditions. A host is met on its own port, on any port, or not asked for, and so is a namespace.
    package struct Numbers {
        private var numbers = InlineArray<9, Int32>(repeating: 0)
        /// How many there are.
        package private(set) var count = 0

        fileprivate init() {}

        /// - Parameter position: below `count`.
        package subscript(position: Int) -> Int { Int(numbers[position]) }

        fileprivate mutating func append(_ number: Int32) {
            numbers[count] = number
            count += 1
        }
    }

    /// The conditions that a place meets. Allocates nothing.
    package func covering(_ place: Place) -> Numbers {
        var found = Numbers()
        if everywhere >= 0 { found.append(everywhere) }
        guard !hosts.isEmpty || !namespaces.isEmpty else { return found }
        let host = place.host.map { hosts.numbers(of: $0) } ?? (anyPort: -1, samePort: -1)
        let namespace = place.namespace.map { namespaces.numbers(of: $0[...]) } ?? (anyPort: -1, samePort: -1)
        let some: InlineArray<3, Int32> = [-1, host.anyPort, host.samePort]
        let others: InlineArray<3, Int32> = [-1, namespace.anyPort, namespace.samePort]
        for a in 0..<3 where a == 0 || some[a] >= 0 {
            for b in 0..<3 where b == 0 || others[b] >= 0 {
                guard a > 0 || b > 0, let number = numbers[Self.key(some[a], others[b])] else { continue }
                found.append(number)
            }
        }
        return found
    }
}
