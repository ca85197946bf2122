import Access
import ArgumentParser
import Crypto
import Foundation

struct HashPassword: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash-password",
        abstract: "Read a password from the terminal or standard input, and print its hash for password_hash.")

    /// bcrypt ignores further bytes.
    private static let maxBytes = 72

    func run() async throws {
        protectProcessMemory()
        guard var password = isatty(STDIN_FILENO) == 1 ? Self.typed() : readLine(strippingNewline: true), !password.isEmpty else {
            throw ValidationError("The password is empty; type it, or pass it on standard input.")
        }
        defer { password = "" }
        guard password.utf8.count <= Self.maxBytes else {
            throw ValidationError("The password has \(password.utf8.count) bytes; bcrypt uses at most \(Self.maxBytes).")
        }
        guard let hash = PasswordHash.make(password: Array(password.utf8)) else {
            throw ValidationError("The password must not contain a NUL character.")
        }
        print(hash)
    }

    /// Reads a line from the terminal without echo.
    private static func typed() -> String? {
        var shown = termios()
        tcgetattr(STDIN_FILENO, &shown)
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        FileHandle.standardError.write(Data("Password: ".utf8))
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        return readLine(strippingNewline: true)
    }
}
