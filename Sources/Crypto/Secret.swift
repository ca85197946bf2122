/// A value that no log, description or dump prints. Code that reads it has to say `reveal`.
package struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The value itself. Never to be logged.
    package let reveal: Value

    /// Hides the value.
    package init(_ value: Value) { reveal = value }

    /// Always `(secret)`.
    package var description: String { "(secret)" }
    /// Always `(secret)`.
    package var debugDescription: String { "(secret)" }
    /// Without children, so that `dump` prints nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret: Equatable where Value: Equatable {}
extension Secret: Hashable where Value: Hashable {}
