/// Where a key is written, for messages.
struct KeyLocation {
    /// A path, or `environment`.
    var file: String
    /// From 1; 0: the file as a whole.
    var line: Int
    /// The full key, such as `listeners[0].tls.certificate`; empty: the line as a whole.
    var key: String

    /// - Parameter line: nil for a missing key, which is reported at the line of what lacks it.
    func inside(_ name: String, line: Int? = nil) -> KeyLocation {
        KeyLocation(file: file, line: line ?? self.line, key: key.isEmpty ? name : "\(key).\(name)")
    }

    /// An item of the list that this key holds.
    func item(_ index: Int, line: Int?) -> KeyLocation { KeyLocation(file: file, line: line ?? self.line, key: "\(key)[\(index)]") }
}
