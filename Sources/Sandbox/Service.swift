/// The sandbox's listeners, by service.
enum Service: String, Codable, CaseIterable {
    case registry, api, s3, metadata, control
    var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    var usesTLS: Bool { self == .registry || self == .api || self == .s3 }
}
