import CCrypt
import Crypto
import Glibc

/// A password hash in one of the slow formats of crypt(5): bcrypt, yescrypt, SHA-512, SHA-256.
package struct PasswordHash: Sendable, Equatable {
    private let setting: Secret<String>

    private static let maxBytes = 384  // CRYPT_OUTPUT_SIZE

    /// nil: another format, an incomplete hash, or characters that `crypt` rejects. Such a hash would match no password.
    package init?(_ text: String) {
        guard text.utf8.allSatisfy(Self.isAllowed), Self.isComplete(text) else { return nil }
        setting = Secret(text)
    }

    /// crypt(5): printable ASCII, without what separates fields in /etc/shadow or marks a locked account.
    private static func isAllowed(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) && !"!*:;\\".utf8.contains(byte) }

    /// crypt(5), "AVAILABLE HASHING METHODS".
    private static func isComplete(_ text: String) -> Bool {
        text.wholeMatch(of: #/\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[.\/A-Za-z0-9]{53}/#) != nil
            || text.wholeMatch(of: #/\$y\$[.\/A-Za-z0-9]{1,32}\$[.\/A-Za-z0-9]{1,86}\$[.\/A-Za-z0-9]{43}/#) != nil
            || text.wholeMatch(of: #/\$6\$(rounds=[1-9][0-9]{3,8}\$)?[^$:\n]{1,16}\$[.\/A-Za-z0-9]{86}/#) != nil
            || text.wholeMatch(of: #/\$5\$(rounds=[1-9][0-9]{3,8}\$)?[^$:\n]{1,16}\$[.\/A-Za-z0-9]{43}/#) != nil
    }

    /// The hash as text, for the signatures of bearer tokens.
    var bytes: [UInt8] { Array(setting.reveal.utf8) }

    /// About how long `verify` takes, in microseconds on a core of 2024, to compare hashes of different formats. The parameters' meaning is
    /// from crypt(5); the factors are measured.
    var cost: Double {
        let parts = setting.reveal.split(separator: "$").map(String.init)
        guard parts.count > 1 else { return 0 }
        switch parts[0] {
        case "5", "6": return 0.3 * (parts[1].hasPrefix("rounds=") ? Double(parts[1].dropFirst(7)) ?? 5000 : 5000)
        case "y":
            // yescrypt's parameters are one character each: flags, log2(N) - 1, r - 1.
            let alphabet = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
            let values = parts[1].map { Double(alphabet.firstIndex(of: $0) ?? 0) }
            return values.count > 2 ? 0.13 * pow(2, values[1] + 1) * (values[2] + 1) : 0
        default: return 50 * pow(2, Double(parts[1]) ?? 0)
        }
    }

    /// Takes tens of milliseconds by design: do not call it on an event loop.
    package func verify(_ password: [UInt8]) -> Bool {
        guard let hash = Self.crypt(password, setting.reveal) else { return false }
        return constantTimeEqual(hash, Array(setting.reveal.utf8))
    }

    /// A bcrypt hash of cost 12; nil: the password contains a NUL.
    package static func make(password: [UInt8]) -> String? {
        var setting = [CChar](repeating: 0, count: maxBytes)
        let random = randomBytes(16).map { CChar(bitPattern: $0) }
        guard crypt_gensalt_rn("$2b$", 12, random, Int32(random.count), &setting, Int32(setting.count)) != nil else { return nil }
        let text = String(decoding: setting.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return crypt(password, text).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Calls crypt_rn(3). nil: it rejects the setting, or the password contains a NUL.
    private static func crypt(_ password: [UInt8], _ setting: String) -> [UInt8]? {
        guard !password.contains(0) else { return nil }
        // 32 KiB is too much for the stack of a pool's thread.
        let work = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        work.initialize(to: crypt_data())
        defer {
            work.initialize(to: crypt_data())  // erases what it holds of the password
            work.deallocate()
        }
        let phrase = password.map { CChar(bitPattern: $0) } + [0]
        guard let hash = crypt_rn(phrase, setting, work, Int32(MemoryLayout<crypt_data>.size)) else { return nil }
        return Array(String(cString: hash).utf8)
    }
}
