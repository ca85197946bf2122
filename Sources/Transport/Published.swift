import Synchronization

/// A value that the control loop replaces and workers read without waiting: an unchanged one costs a reader one atomic load.
package final class Published<Value: Sendable>: Sendable {
    private let value: Mutex<Value>
    private let version = Atomic(1)

    package init(_ value: Value) { self.value = Mutex(value) }

    package var current: Value { value.withLock { $0 } }

    package func publish(_ new: Value) {
        value.withLock { $0 = new }
        version.wrappingAdd(1, ordering: .releasing)
    }

    /// A reader's own copy. Each worker keeps one.
    package struct Reader {
        private let published: Published
        private var version: Int
        private var value: Value

        package init(_ published: Published) {
            self.published = published
            version = published.version.load(ordering: .acquiring)
            value = published.current
        }

        package mutating func read() -> Value {
            let latest = published.version.load(ordering: .acquiring)
            if latest != version {
                // The version first: a value newer than it is read again next time, never missed.
                version = latest
                value = published.current
            }
            return value
        }
    }
}
