import Access
import Crypto
import Foundation

@testable import Configuration

let registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

/// A hash of each format (crypt(5)).
enum Hashes {
    static let bcrypt = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"
    static let yescrypt = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
    static let sha512 = "$6$saltstring$" + String(repeating: "a", count: 86)
    static let sha256 = "$5$rounds=10000$saltstring$" + String(repeating: "b", count: 43)
}

/// A pattern that is known to be valid.
func glob(_ pattern: String) -> Glob {
    guard let glob = Glob(pattern) else { preconditionFailure("'\(pattern)' is no pattern") }
    return glob
}

/// A valid configuration of two lines; a test adds its own from line 3 on.
let sound = """
    upstreams: [{name: main, registry: \(registry)}]
    anonymous: {access: [{repositories: ["**"], actions: [pull]}]}

    """

/// The problems of a file, a line each.
func problems(_ text: String, environment: [String: String] = [:]) -> [String] {
    do throws(ConfigurationProblems) {
        _ = try SettingsFile.parse(text, file: "berth.yaml", environment: environment)
        return []
    } catch { return error.lines }
}

func problems(environment: [String: String]) -> [String] {
    do throws(ConfigurationProblems) {
        _ = try EnvironmentReader(environment: environment).read()
        return []
    } catch { return error.lines }
}

/// A directory of files for one test, removed at its end.
final class Folder {
    let path: String

    /// - Parameter certificate: a name NAME, for NAME.crt, NAME.key and their CA in ca.pem.
    init(_ files: [String: String] = [:], certificate: String? = nil) throws {
        path = NSTemporaryDirectory() + "berth-configuration-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try text.write(toFile: self[name], atomically: true, encoding: .utf8) }
        if let certificate { try issue(certificate) }
    }

    /// Makes a new certificate and key of a new CA.
    func issue(_ name: String, days: Int = 1) throws {
        let authority = try CertificateAuthority(name: "test", days: days)
        try authority.write(to: self["ca.pem"])
        try authority.issue(for: ["localhost"]).write(chain: self["\(name).crt"], privateKey: self["\(name).key"])
    }

    subscript(name: String) -> String { path + "/" + name }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
