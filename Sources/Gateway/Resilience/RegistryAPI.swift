import Configuration
import HTTP
import Registry

/// What ECR turns a request of the registry API into (ECR 1): each has a quota of its own (ECR 1.8).
enum RegistryAPI: Int, CaseIterable {
    case batchCheckLayerAvailability, batchGetImage, getDownloadURLForLayer
    case initiateLayerUpload, uploadLayerPart, completeLayerUpload, putImage
    /// Those without a quota that is known.
    case other

    init(_ operation: RegistryOperation) {
        self =
            switch operation {
            case .blobHead: .batchCheckLayerAvailability
            case .manifestGet, .manifestHead: .batchGetImage
            case .blobGet: .getDownloadURLForLayer
            case .uploadStart: .initiateLayerUpload
            case .uploadChunk: .uploadLayerPart
            case .uploadFinish: .completeLayerUpload
            case .manifestPut: .putImage
            case .ping, .catalog, .tags, .manifestDelete, .blobDelete, .uploadStatus, .uploadCancel, .referrers, .other: .other
            }
    }

    /// Reads have high quotas, which many accounts have had raised: the default ones are kept to once ECR has limited one.
    var isLenient: Bool { rawValue <= Self.getDownloadURLForLayer.rawValue }

    /// What the configuration calls it; nil: it has no quota that is known.
    var name: UpstreamLimits.API? {
        switch self {
        case .batchCheckLayerAvailability: .batchCheckLayerAvailability
        case .batchGetImage: .batchGetImage
        case .getDownloadURLForLayer: .getDownloadURLForLayer
        case .initiateLayerUpload: .initiateLayerUpload
        case .uploadLayerPart: .uploadLayerPart
        case .completeLayerUpload: .completeLayerUpload
        case .putImage: .putImage
        case .other: nil
        }
    }

    /// The rate at which this API of a registry is asked.
    /// - Parameter isPublic: of ECR Public.
    func rate(_ limits: UpstreamLimits, isPublic: Bool) -> SharedRate {
        if let quota = name.flatMap({ limits.quotas[$0] }) { return SharedRate(quota: Double(quota)) }
        return SharedRate(quota: quota(isPublic: isPublic), isLenient: isLenient && !isPublic)
    }

    /// Requests a second for an account and region, by default; nil: none is known.
    /// - Parameter isPublic: of ECR Public.
    func quota(isPublic: Bool) -> Double? {
        switch self {
        case .batchCheckLayerAvailability: isPublic ? 200 : 1000
        // ECR Public counts pulls: 10 with credentials. Without, it is one, which its 429s teach.
        case .batchGetImage: isPublic ? 10 : 2000
        case .getDownloadURLForLayer: isPublic ? nil : 3000
        case .initiateLayerUpload: isPublic ? 10 : 100
        case .uploadLayerPart: isPublic ? 260 : 500
        case .completeLayerUpload: isPublic ? 10 : 100
        case .putImage: 10
        case .other: nil
        }
    }
}

/// Where a request waits for its turn: with those of the same API, small and large ones apart.
struct Lane: Equatable {
    let api: RegistryAPI
    /// It moves a body of many bytes, and takes as long as that.
    let isLarge: Bool

    /// Its turn lasts for as long as a client sends. Pulls are to have turns however many of those there are.
    var isUpload: Bool { isLarge && api != .getDownloadURLForLayer }

    /// Before those that are large.
    static let count = 2 * RegistryAPI.allCases.count

    /// Bytes of a body that does not make a request large.
    private static let maxSmall = 64 << 10

    /// - Parameter isHeld: the body need not be read from the client.
    init(_ operation: RegistryOperation, body: BodyFraming, isHeld: Bool) {
        api = RegistryAPI(operation)
        isLarge =
            switch body {
            // A GET of a blob leads to many bytes, as a rule.
            case .none: api == .getDownloadURLForLayer
            case .length(let count): !isHeld && count > Self.maxSmall
            case .chunked, .untilClose: !isHeld
            }
    }

    init(_ api: RegistryAPI, isLarge: Bool) { (self.api, self.isLarge) = (api, isLarge) }

    init(index: Int) {
        let apis = RegistryAPI.allCases.count
        self.init(RegistryAPI.allCases[index % apis], isLarge: index >= apis)
    }

    /// From 0, in the order of preference: small before large.
    var index: Int { api.rawValue + (isLarge ? RegistryAPI.allCases.count : 0) }
}
