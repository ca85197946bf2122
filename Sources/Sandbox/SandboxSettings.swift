package import Crypto
import Transport

/// What a sandbox is: where it keeps its things, where it listens, and who it pretends to be.
package struct SandboxSettings: Sendable {
    /// Made when missing. nil: a directory of its own under `$TMPDIR`, removed by `stop()`.
    package var directory: String?
    /// The IP address of all listeners. Nothing here is meant to be reached from elsewhere; the control endpoint has no login.
    package var address = "127.0.0.1"
    /// 0 picks a free port.
    package var ports = Ports()
    /// Twelve digits.
    package var account = "123456789012"
    package var region = "eu-west-1"
    /// nil: made up at start; `sandbox.json` tells them.
    package var accessKeyID: String?
    package var secretAccessKey: Secret<String>?
    /// Switched away from ECR's behaviour at start, by the names of `Quirk`.
    package var quirks: [Quirk: Bool] = [:]

    package struct Ports: Sendable {
        package var registry: UInt16 = 0, api: UInt16 = 0, s3: UInt16 = 0, metadata: UInt16 = 0, control: UInt16 = 0
        package init() {}

        subscript(_ service: Service) -> UInt16 {
            switch service {
            case .registry: registry
            case .api: api
            case .s3: s3
            case .metadata: metadata
            case .control: control
            }
        }
    }

    package init(directory: String? = nil) { self.directory = directory }

    /// What cannot be played, by the name of its property, and what can; nil: nothing is wrong.
    package var problem: (property: String, text: String)? {
        if account.utf8.count != 12 || !account.utf8.allSatisfy({ $0 &- 48 < 10 }) {
            return ("account", "'\(account)' is no AWS account; write twelve digits, like 123456789012")
        }
        if !Self.isRegion(region) {
            return ("region", "'\(region)' is no region whose hosts end in amazonaws.com; write one like eu-west-1")
        }
        if SocketAddress(host: address, port: 0) == nil {
            return ("address", "'\(address)' is no IP address; write 127.0.0.1 or ::1, without a port")
        }
        return nil
    }

    /// `eu-west-1`, `us-gov-west-1`: words and a number. China and the isolated partitions have other hosts (ECR 1.7).
    private static func isRegion(_ text: String) -> Bool {
        let words = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map(Array.init)
        guard words.count >= 3, words.allSatisfy({ !$0.isEmpty }), words[words.count - 1].allSatisfy({ $0 &- 48 < 10 }) else {
            return false
        }
        return words.dropLast().allSatisfy { $0.allSatisfy { $0 &- 97 < 26 } } && words[0].count == 2
            && words[0] != Array("cn".utf8) && !words[1].starts(with: "iso".utf8)
    }
}
