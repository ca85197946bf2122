/// What the cache did for a request that it may serve.
enum CacheResult: Int, CaseIterable {
    /// Served from the disk or from memory.
    case hit
    /// Fetched from the upstream, and kept if there is room.
    case miss
    /// Served from a download that another request began.
    case shared
    /// Served while no registry of the upstream answers.
    case stale

    /// As the access line and the metrics have it.
    var label: StaticString {
        switch self {
        case .hit: "hit"
        case .miss: "miss"
        case .shared: "shared"
        case .stale: "stale"
        }
    }

    /// The upstream was not needed.
    var isServedFromCache: Bool { self != .miss }
}
