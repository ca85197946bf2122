import Access
import ArgumentParser
import Crypto
import Glibc

struct HashPassword: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash-password",
        abstract: "Read a password from the terminal or standard input, and print its hash for password_hash.")

    /// bcrypt ignores further bytes.
    private static let maxBytes = 72

    func run() async throws {
        protectProcessMemory()
        var password = isatty(STDIN_FILENO) == 1 ? try Self.typed() : try Self.piped()
        defer { password = "" }
        try Self.check(password)
        guard let hash = PasswordHash.make(password: Array(password.utf8)) else {
            throw ValidationError("The password must not contain a NUL character.")
        }
        print(hash)
    }

    private static func check(_ password: String) throws {
        guard !password.isEmpty else {
            throw ValidationError("The password is empty; type it, or pass it on standard input.")
        }
        guard password.utf8.count <= maxBytes else {
            throw ValidationError(
                "The password has \(password.utf8.count) bytes; bcrypt uses the first \(maxBytes) only, so write a shorter one.")
        }
    }

    /// Asks twice: nobody sees what is typed.
    private static func typed() throws -> String {
        let password = HiddenLine.read("Password (at most \(maxBytes) bytes, as bcrypt takes): ") ?? ""
        try check(password)
        guard HiddenLine.read("The same password again: ") == password else {
            throw ValidationError("The two passwords differ; run the command again.")
        }
        return password
    }

    private static func piped() throws -> String {
        let password = readLine(strippingNewline: true) ?? ""
        guard readLine() == nil else {
            throw ValidationError("Standard input has more than one line; pass the password alone, as printf '%s' PASSWORD does.")
        }
        return password
    }
}
