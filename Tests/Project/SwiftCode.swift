/// Takes comments and the text of literals out of Swift source. What is left is code, line for line; the code in string interpolations stays.
struct SwiftCode {
    private let bytes: [UInt8]
    private var index = 0
    private var code: [UInt8] = []

    private init(_ text: String) { bytes = Array(text.utf8) }

    static func of(_ text: String) -> String {
        var scanner = SwiftCode(text)
        scanner.scan()
        return String(decoding: scanner.code, as: UTF8.self)
    }

    /// After one of these a slash begins a regular expression, and divides nothing.
    private static let beforeRegex = Set("(,=:{[!&|?;\n".utf8)

    /// - Parameter inInterpolation: stops at the parenthesis that closes it.
    private mutating func scan(inInterpolation: Bool = false) {
        var depth = 0
        var previous = UInt8(ascii: "\n")
        while index < bytes.count {
            let byte = bytes[index]
            if inInterpolation {
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    guard depth > 0 else { return }
                    depth -= 1
                }
            }
            if isNext("//") {
                while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
            } else if isNext("/*") {
                skipComment()
            } else if skipLiteral(after: previous) {
                code += "\"\"".utf8
                previous = UInt8(ascii: "\"")
            } else {
                if byte == UInt8(ascii: "`") { copyRawIdentifier() }
                code.append(bytes[index])
                if byte != UInt8(ascii: " ") { previous = byte }
                index += 1
            }
        }
    }

    private func isNext(_ text: String) -> Bool { bytes[index...].starts(with: text.utf8) }

    /// Up to its last backtick.
    private mutating func copyRawIdentifier() {
        repeat {
            code.append(bytes[index])
            index += 1
        } while bytes[index] != UInt8(ascii: "`") && bytes[index] != UInt8(ascii: "\n")
    }

    private mutating func skip(_ count: Int) {
        for _ in 0..<count where index < bytes.count {
            if bytes[index] == UInt8(ascii: "\n") { code.append(bytes[index]) }
            index += 1
        }
    }

    private mutating func skipComment() {
        var depth = 0
        repeat {
            if isNext("/*") { depth += 1 }
            if isNext("*/") { depth -= 1 }
            skip(isNext("/*") || isNext("*/") ? 2 : 1)
        } while depth > 0 && index < bytes.count
    }

    /// false: no literal begins here.
    private mutating func skipLiteral(after previous: UInt8) -> Bool {
        let hashes = bytes[index...].prefix { $0 == UInt8(ascii: "#") }.count
        guard index + hashes < bytes.count else { return false }
        let first = bytes[index + hashes]
        if first == UInt8(ascii: "\"") {
            skipString(hashes: hashes)
            return true
        }
        guard first == UInt8(ascii: "/") else { return false }
        if hashes > 0 {
            let end = "/" + String(repeating: "#", count: hashes)
            skip(hashes + 1)
            while index < bytes.count, !isNext(end) { skip(1) }
            skip(end.utf8.count)
            return true
        }
        guard Self.beforeRegex.contains(previous), let end = endOfRegex else { return false }
        skip(end - index + 1)
        return true
    }

    private var endOfRegex: Int? {
        guard index + 1 < bytes.count, ![UInt8(ascii: " "), UInt8(ascii: "=")].contains(bytes[index + 1]) else { return nil }
        var end = index + 1
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") {
            if bytes[end] == UInt8(ascii: "/") { return end }
            end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    private mutating func skipString(hashes: Int) {
        skip(hashes)
        let quotes = isNext("\"\"\"") ? "\"\"\"" : "\""
        let fence = String(repeating: "#", count: hashes), end = quotes + fence, escape = "\\" + fence
        skip(quotes.utf8.count)
        while index < bytes.count, !isNext(end) {
            guard isNext(escape) else {
                skip(1)
                continue
            }
            skip(escape.utf8.count)
            if isNext("(") {
                skip(1)
                code += " (".utf8
                scan(inInterpolation: true)
                code += ") ".utf8
            }
            skip(1)
        }
        skip(end.utf8.count)
    }
}
