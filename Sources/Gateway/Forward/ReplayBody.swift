/// What of a request's body has been taken from the client, and whether it can be sent again.
enum ReplayBody {
    /// The request has no body.
    case none
    /// All that has been taken is held; more may come.
    case partial([UInt8])
    /// All of it has been taken and is held.
    case whole([UInt8])
    /// More has been sent than is held: it cannot be sent again.
    /// - Parameter taken: bytes.
    case overflowed(taken: Int)

    /// Bytes of a streamed body that are held: an upload up to this size can be sent again after the upstream has rejected the token.
    static let maxHeld = 64 << 10

    var canReplay: Bool { if case .overflowed = self { false } else { true } }

    /// Nothing more is to be read from the client.
    var isWhole: Bool {
        switch self {
        case .none, .whole: true
        case .partial, .overflowed: false
        }
    }

    /// What an attempt begins with.
    var held: [UInt8] {
        switch self {
        case .partial(let bytes), .whole(let bytes): bytes
        case .none, .overflowed: []
        }
    }

    /// Bytes of the payload that have been taken from the client.
    var taken: Int {
        switch self {
        case .none: 0
        case .partial(let bytes), .whole(let bytes): bytes.count
        case .overflowed(let taken): taken
        }
    }

    /// More has been taken from the client, and goes to the upstream.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard taken + bytes.count <= Self.maxHeld, case .partial(var held) = self else {
            self = .overflowed(taken: taken + bytes.count)
            return
        }
        self = .none  // so that appending does not copy
        held.append(contentsOf: bytes)
        self = .partial(held)
    }

    /// The upstream has what is held. No more than `maxHeld` is kept for another attempt while the rest streams.
    mutating func releaseLarge() {
        if case .partial(let held) = self, held.count > Self.maxHeld { self = .overflowed(taken: held.count) }
    }
}
