/// What a user's rules come to for one request, and which of them decides.
package enum AccessDecision: Sendable, Equatable {
    /// The first rule that allows it; rules are numbered from 0, in the configuration's order.
    case allowed(rule: Int)
    /// No rule allows it. `nearest` is the one that misses least, with what it misses; nil: there are no rules.
    case denied(nearest: Int?, misses: [Mismatch])

    /// A part of a rule that does not cover a request.
    package enum Mismatch: String, Sendable { case repository, action, host, namespace }
}
