import Glibc

/// An open file descriptor with one owner: closed when the last reference to it goes. For descriptors that come from elsewhere, by message or by
/// inheritance, so that none is leaked on the way to what it will be.
package final class Descriptor: Sendable {
    /// Open for as long as this object lives.
    package let number: Int32

    /// Takes over an open descriptor.
    package init(owning number: Int32) { self.number = number }

    deinit { close(number) }
}
