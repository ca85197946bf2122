/// A request's turn at an upstream: it is one of those that are there at the same time. Ends when it goes out of scope, on whatever path.
struct Turn: ~Copyable {
    private let shield: Shield
    private let isLarge: Bool

    init(at shield: Shield, isLarge: Bool) { (self.shield, self.isLarge) = (shield, isLarge) }

    deinit { shield.endTurn(isLarge: isLarge) }
}
