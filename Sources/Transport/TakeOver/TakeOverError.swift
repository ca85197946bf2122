/// Why listening sockets cannot be handed over, for people.
package struct TakeOverError: Error, CustomStringConvertible {
    /// What is wrong, and where it helps how to fix it.
    package let description: String

    /// - Parameter description: what is wrong, and how to fix it.
    package init(_ description: String) { self.description = description }
}
