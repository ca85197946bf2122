import HTTP
import HTTPServer

/// Reads of manifests that are at a registry now. An identical one that comes meanwhile waits for the first one's response instead of asking
/// again: the nodes of a cluster start the same image at the same time. A worker's own. Confined to its loop.
final class SharedReads {
    /// A read has one place, which a part of its target determines: a second one with that place is sent by itself.
    private var places = [Place](repeating: Place(), count: 1 << placeBits)

    private struct Place {
        /// The exchange whose request is at the registry; nil: none is.
        var leader: Forwarder?
        var followers: [SharedRead] = []
    }

    /// What a read is to do.
    enum Part {
        /// Send the request. To be followed by `end`.
        case leads(place: Int)
        /// Wait.
        case follows(SharedRead)
        /// Send the request. Nobody shares its response.
        case alone
    }

    private static let placeBits = 6

    func join(_ exchange: Forwarder) -> Part {
        let place = Self.place(of: exchange.head.target)
        guard let leader = places[place].leader else {
            places[place].leader = exchange
            return .leads(place: place)
        }
        guard Self.isSame(leader, exchange) else { return .alone }
        let read = SharedRead(exchange.client.request.connection)
        places[place].followers.append(read)
        return .follows(read)
    }

    /// The leader's request is over: the next identical read is a leader itself.
    /// - Returns: who waits for it.
    func end(place: Int) -> [SharedRead] {
        places[place].leader = nil
        // Almost always there are none.
        guard !places[place].followers.isEmpty else { return [] }
        defer { places[place].followers = [] }
        return places[place].followers
    }

    /// The registry would respond alike to both. Who may read was decided for each by itself.
    private static func isSame(_ a: Forwarder, _ b: Forwarder) -> Bool {
        a.route.upstream === b.route.upstream && a.route.upstreamRepository == b.route.upstreamRepository
            && a.request.operation == b.request.operation && a.head.target == b.head.target
            && fields(of: a.head).elementsEqual(fields(of: b.head))
    }

    /// The field lines that a response may depend on: `Accept`, conditions, whatever else is passed on.
    private static func fields(of head: Head) -> [ArraySlice<UInt8>] {
        // What `Connection` names is not passed on.
        head.fields.filter { field in
            switch field.name {
            case .range: !head.isNominatedHopByHop(field)
            case .other: !head.isNamed(field, anyOf: FieldNames.userAgent) && !head.isNominatedHopByHop(field)
            default: false
            }
        }.map { head.bytes[$0.lineRange] }
    }

    /// Reads differ in the end of their target: the reference.
    private static func place(of target: ArraySlice<UInt8>) -> Int {
        target.withUnsafeBytes { bytes in
            guard bytes.count >= 16 else { return 0 }
            let end = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
            let before = bytes.loadUnaligned(fromByteOffset: bytes.count - 16, as: UInt64.self)
            let mixed = (end ^ before &* 31 ^ UInt64(bytes.count)) &* 0x9e37_79b9_7f4a_7c15
            return Int(mixed >> (64 - UInt64(placeBits)))
        }
    }
}
