import Crypto

/// What a sandbox is: where it keeps its things, where it listens, and who it pretends to be.
public struct SandboxSettings: Sendable {
    /// Made when missing. nil: a directory of its own under `$TMPDIR`, removed by `stop()`.
    public var directory: String?
    /// The IP address of all listeners. Nothing here is meant to be reached from elsewhere; the control endpoint has no login.
    public var address = "127.0.0.1"
    /// 0 picks a free port.
    public var ports = Ports()
    /// Twelve digits.
    public var account = "123456789012"
    public var region = "eu-west-1"
    /// nil: made up at start; `sandbox.json` tells them.
    public var accessKeyID: String?
    public var secretAccessKey: Secret<String>?
    /// Switched away from ECR's behaviour at start, by the names of `Quirk`.
    public var quirks: [Quirk: Bool] = [:]

    public struct Ports: Sendable {
        public var registry: UInt16 = 0, api: UInt16 = 0, s3: UInt16 = 0, metadata: UInt16 = 0, control: UInt16 = 0
        public init() {}

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

    public init(directory: String? = nil) { self.directory = directory }
}
