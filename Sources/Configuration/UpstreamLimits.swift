/// Bounds on what all clients together ask of an upstream.
package struct UpstreamLimits: Sendable, Equatable {
    /// Requests at the same time; 0: no bound.
    package var concurrent = 256
    /// Of all kinds; 0: no bound but AWS's quotas.
    package var requestsPerSecond = 0
    /// AWS's quotas of the account, in requests a second, where they are not the default ones.
    package var quotas: [API: Int] = [:]

    /// The defaults.
    package init() {}

    /// ECR's APIs that have a quota and that requests of the registry API become (ECR 1.8). The raw values are AWS's words.
    package enum API: String, Sendable, CaseIterable {
        case batchCheckLayerAvailability = "BatchCheckLayerAvailability"
        case batchGetImage = "BatchGetImage"
        case getDownloadURLForLayer = "GetDownloadUrlForLayer"
        case initiateLayerUpload = "InitiateLayerUpload"
        case uploadLayerPart = "UploadLayerPart"
        case completeLayerUpload = "CompleteLayerUpload"
        case putImage = "PutImage"
    }
}
