/// A host in the form in which names are compared, and its port. The name is in lower case and without the trailing dot of a fully qualified
/// name (RFC 1034 3.1); an IPv6 address is without its brackets.
package struct HostName: Sendable, Hashable, CustomStringConvertible {
    /// In lower case, without a trailing dot or brackets.
    package let name: String
    /// nil: not given.
    package let port: UInt16?
    private let bytes: [UInt8]

    /// - Parameter text: `host`, `host:port`, `[address]`, `[address]:port`, or an IPv6 address without brackets. Anything else gives nil.
    package init?(_ text: some StringProtocol) {
        let written = Array(text.utf8)
        let isBareAddress = written.first != UInt8(ascii: "[") && written.count(where: { $0 == UInt8(ascii: ":") }) > 1
        let all = isBareAddress ? [UInt8(ascii: "[")] + written + [UInt8(ascii: "]")] : written
        guard let parts = all.withUnsafeBytes({ Authority($0, 0..<$0.count) }) else { return nil }
        bytes = all[parts.name].map(lower)
        name = String(decoding: bytes, as: UTF8.self)
        port = parts.port
    }

    /// - Parameter host: without a port; an IPv6 address with or without brackets.
    package init?(_ host: String, port: UInt16) {
        let isBareAddress = host.contains(":") && !host.hasPrefix("[")
        self.init(isBareAddress ? "[\(host)]:\(port)" : "\(host):\(port)")
    }

    /// A name without a port, in the form in which names are compared. What is not a host stays unequal to every host.
    package static func normalized(_ name: some StringProtocol) -> String {
        let name = name.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    /// The value of a `Host` field, or of a field like it, is a host and perhaps a port.
    package static func isAuthority(_ field: ArraySlice<UInt8>) -> Bool {
        field.withUnsafeBytes { Authority($0, 0..<$0.count) != nil }
    }

    /// The value of a `Host` field, or of a field like it, names this host: on this port, or on any where this has none.
    package func matches(_ field: ArraySlice<UInt8>) -> Bool {
        field.withUnsafeBytes { all in
            guard let parts = Authority(all, 0..<all.count), port == nil || port == parts.port else { return false }
            return parts.name.count == bytes.count && zip(all[parts.name], bytes).allSatisfy { lower($0) == $1 }
        }
    }

    /// What `HostTable` knows the host by.
    var key: [UInt8] { bytes + (port.map { [0, UInt8($0 >> 8), UInt8($0 & 0xff)] } ?? []) }

    /// A name under that domain, but not the domain itself.
    package func isBelow(_ domain: HostName) -> Bool { name.count > domain.name.count && name.hasSuffix("." + domain.name) }

    /// `name`, `name:port`, `[address]:port`.
    package var description: String {
        let name = name.contains(":") ? "[\(name)]" : name
        return port.map { "\(name):\($0)" } ?? name
    }
}

/// Where in an authority (RFC 3986 3.2) the host is, and its port. Nothing is copied. nil for anything else, user information included.
struct Authority {
    /// Without an address's brackets, and without a name's trailing dot.
    let name: Range<Int>
    let port: UInt16?

    /// A DNS name has at most 253 characters (RFC 1035 3.1); then a trailing dot, or an address's brackets, and a port.
    private static let maxBytes = 253 + 2 + 6

    init?(_ all: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard !range.isEmpty, range.count <= Self.maxBytes else { return nil }
        var end = range.lowerBound
        if all[end] == UInt8(ascii: "[") {
            let start = end + 1
            end = start
            while end < range.upperBound, isHexadecimal(all[end]) || ":.".utf8.contains(all[end]) { end += 1 }
            guard end < range.upperBound, all[end] == UInt8(ascii: "]"), all[start..<end].contains(UInt8(ascii: ":")) else {
                return nil
            }
            name = start..<end
            end += 1
        } else {
            while end < range.upperBound, isNameCharacter(all[end]) { end += 1 }
            let hasDot = end > range.lowerBound && all[end - 1] == UInt8(ascii: ".")
            name = range.lowerBound..<(hasDot ? end - 1 : end)
            guard !name.isEmpty else { return nil }
        }
        guard end < range.upperBound else {
            port = nil
            return
        }
        let digits = (end + 1)..<range.upperBound
        guard all[end] == UInt8(ascii: ":"), digits.count <= 5, all[digits].allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        // RFC 3986 3.2.3: the port may be empty.
        let value = all[digits].reduce(0) { $0 * 10 + Int($1 - 48) }
        guard value <= UInt16.max else { return nil }
        port = digits.isEmpty ? nil : UInt16(value)
    }
}

private func isHexadecimal(_ byte: UInt8) -> Bool { byte &- 48 < 10 || (byte | 0x20) &- 97 < 6 }
/// Letters, digits, and what may stand between them. Names made by compose and Kubernetes contain `_`.
private func isNameCharacter(_ byte: UInt8) -> Bool {
    (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: "_")
}
