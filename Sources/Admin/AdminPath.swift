import HTTP

/// What the admin listener has at a path.
enum AdminPath: Equatable {
    case health, ready, metrics, upstreams, events
    case part(StatePart)
    case reload, log, cache
    case refresh(upstream: String)
    case file(PageFile)

    /// - Parameter path: percent-encoded. Returns nil when there is nothing.
    init?(_ path: String) {
        switch path {
        case "/": self = .file(.html)
        case "/page.css": self = .file(.css)
        case "/page.js": self = .file(.js)
        case "/icon.svg": self = .file(.icon)
        case "/healthz": self = .health
        case "/readyz": self = .ready
        case "/metrics": self = .metrics
        case "/api/v1/status": self = .part(.status)
        case "/api/v1/upstreams": self = .upstreams
        case "/api/v1/traffic": self = .part(.traffic)
        case "/api/v1/transfers": self = .part(.transfers)
        case "/api/v1/usage": self = .part(.usage)
        case "/api/v1/errors": self = .part(.errors)
        case "/api/v1/certificates": self = .part(.certificates)
        case "/api/v1/configuration": self = .part(.configuration)
        case "/api/v1/events": self = .events
        case "/api/v1/reload": self = .reload
        case "/api/v1/log": self = .log
        case "/api/v1/cache": self = .cache
        default:
            let segments = path.split(separator: "/", omittingEmptySubsequences: false)
            guard segments.count == 6, path.hasPrefix("/api/v1/upstreams/"), segments[5] == "refresh", !segments[4].isEmpty else {
                return nil
            }
            self = .refresh(upstream: PercentEncoding.decodeStrictly(segments[4]) ?? String(segments[4]))
        }
    }

    var methods: [Method] {
        switch self {
        case .reload, .refresh: [.post]
        case .log: [.put]
        case .cache: [.delete]
        default: [.get, .head]
        }
    }
}
