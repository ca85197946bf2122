package import Crypto
import Transport

/// A sandbox's directory, listeners and emulated account.
package struct SandboxSettings: Sendable {
    /// Created when missing. nil: a new directory under `$TMPDIR`, which `stop()` removes.
    package var directory: String?
    /// The IP address of all listeners. Not meant to be reached from other machines, as the control endpoint has no authentication.
    package var address = "127.0.0.1"
    /// 0 picks a free port.
    package var ports = Ports()
    /// Twelve digits.
    package var account = "123456789012"
    /// Of a partition whose hosts end in `amazonaws.com`.
    package var region = "eu-west-1"
    /// nil: made at start; `sandbox.json` has them.
    package var accessKeyID: String?
    /// nil: made at start; `sandbox.json` has them.
    package var secretAccessKey: Secret<String>?
    /// Quirks that differ from their default at start.
    package var quirks: [Quirk: Bool] = [:]

    /// The port of each listener; 0 picks a free one.
    package struct Ports: Sendable {
        /// 0 picks a free port.
        package var registry: UInt16 = 0, api: UInt16 = 0, s3: UInt16 = 0, metadata: UInt16 = 0, control: UInt16 = 0
        /// All are free ports.
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

    /// - Parameter directory: nil for a new one that `stop()` removes.
    package init(directory: String? = nil) { self.directory = directory }

    /// The first invalid property and what is allowed; nil when all are valid.
    package var problem: (property: String, text: String)? {
        if account.utf8.count != 12 || !account.utf8.allSatisfy({ $0 &- 48 < 10 }) {
            return ("account", "'\(account)' is not an AWS account; write twelve digits, like 123456789012")
        }
        if !Self.isRegion(region) {
            return ("region", "'\(region)' is not a region whose hosts end in amazonaws.com; write one like eu-west-1")
        }
        if SocketAddress(host: address, port: 0) == nil {
            return ("address", "'\(address)' is not an IP address; write 127.0.0.1 or ::1, without a port")
        }
        return nil
    }

    /// Whether this is words and a number, as `eu-west-1` or `us-gov-west-1`. China and the isolated partitions have other hosts (ECR 1.7).
    private static func isRegion(_ text: String) -> Bool {
        let words = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map(Array.init)
        guard words.count >= 3, words.allSatisfy({ !$0.isEmpty }), words[words.count - 1].allSatisfy({ $0 &- 48 < 10 }) else {
            return false
        }
        return words.dropLast().allSatisfy { $0.allSatisfy { $0 &- 97 < 26 } } && words[0].count == 2
            && words[0] != Array("cn".utf8) && !words[1].starts(with: "iso".utf8)
    }
}
