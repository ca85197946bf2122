import Synchronization

/// A value that the control loop replaces and workers read without waiting. An unchanged value costs a reader one atomic load.
package final class Published<Value: Sendable>: Sendable {
    private let value: Mutex<Value>
    private let version = Atomic(1)

    /// Published before any reader exists.
    package init(_ value: Value) { self.value = Mutex(value) }

    /// The latest value. Takes a lock.
    package var current: Value { value.withLock { $0 } }

    /// Replaces the value for all readers. From any thread.
    package func publish(_ new: Value) {
        value.withLock { $0 = new }
        version.wrappingAdd(1, ordering: .releasing)
    }

    /// One worker's copy of the value.
    package struct Reader {
        private let published: Published
        private var version: Int
        private var value: Value

        /// A reader with the current value.
        package init(_ published: Published) {
            self.published = published
            version = published.version.load(ordering: .acquiring)
            value = published.current
        }

        /// The latest value.
        package mutating func read() -> Value {
            let latest = published.version.load(ordering: .acquiring)
            if latest != version {
                // The version first: a newer value is then read again the next time, and never missed.
                version = latest
                value = published.current
            }
            return value
        }
    }
}
