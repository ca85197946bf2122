import CCrypt
import Crypto
import Glibc

/// A password's hash in a format of crypt(5) that is slow enough to be worth having: bcrypt, yescrypt, SHA-512, SHA-256.
package struct PasswordHash: Sendable, Equatable {
    private let setting: Secret<String>

    /// What `password_hash` may begin with.
    package static let prefixes = ["$2a$", "$2b$", "$2y$", "$y$", "$6$", "$5$"]
    private static let maxBytes = 384  // CRYPT_OUTPUT_SIZE

    package init?(_ text: String) {
        guard text.utf8.count < Self.maxBytes, Self.prefixes.contains(where: text.hasPrefix), !text.utf8.contains(0) else {
            return nil
        }
        setting = Secret(text)
    }

    /// What a token of its user is bound to.
    var bytes: [UInt8] { Array(setting.reveal.utf8) }

    /// About how long `verify` takes, in microseconds of a core of 2024. By it hashes of different formats are compared; crypt(5) has what
    /// the parameters mean, and the factors are measured.
    var cost: Double {
        let parts = setting.reveal.split(separator: "$").map(String.init)
        guard parts.count > 1 else { return 0 }
        switch parts[0] {
        case "5", "6": return 0.3 * (parts[1].hasPrefix("rounds=") ? Double(parts[1].dropFirst(7)) ?? 5000 : 5000)
        case "y":
            // yescrypt: flags, the logarithm of N less one, and r less one, a character each.
            let alphabet = Array("./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
            let values = parts[1].map { Double(alphabet.firstIndex(of: $0) ?? 0) }
            return values.count > 2 ? 0.13 * pow(2, values[1] + 1) * (values[2] + 1) : 0
        default: return 50 * pow(2, Double(parts[1]) ?? 0)
        }
    }

    /// Takes tens of milliseconds by design: never on a loop.
    package func verify(_ password: [UInt8]) -> Bool {
        guard let hash = Self.crypt(password, setting.reveal) else { return false }
        return constantTimeEqual(hash, Array(setting.reveal.utf8))
    }

    /// bcrypt at cost 12, which htpasswd's users know. nil when the password holds a NUL.
    package static func make(password: [UInt8]) -> String? {
        var setting = [CChar](repeating: 0, count: maxBytes)
        let random = randomBytes(16).map { CChar(bitPattern: $0) }
        guard crypt_gensalt_rn("$2b$", 12, random, Int32(random.count), &setting, Int32(setting.count)) != nil else { return nil }
        let text = String(decoding: setting.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return crypt(password, text).map { String(decoding: $0, as: UTF8.self) }
    }

    /// crypt_r(3). nil when it refuses the setting, or the password cannot be a C string.
    private static func crypt(_ password: [UInt8], _ setting: String) -> [UInt8]? {
        guard !password.contains(0) else { return nil }
        // 32 KiB: too much for the stack of a pool's thread.
        let work = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        work.initialize(to: crypt_data())
        defer {
            work.initialize(to: crypt_data())  // what it holds of the password goes
            work.deallocate()
        }
        let phrase = password.map { CChar(bitPattern: $0) } + [0]
        guard let hash = crypt_rn(phrase, setting, work, Int32(MemoryLayout<crypt_data>.size)) else { return nil }
        return Array(String(cString: hash).utf8)
    }
}
