/// What the admin listener shows and does. These are closures, so that this target does not depend on the gateway.
package struct AdminSources: Sendable {
    /// Berth's version.
    package var version: String
    /// Whether the gateway is draining: it takes no new exchanges.
    package var isDraining: @Sendable () async -> Bool
    /// The current state of each upstream in the configuration.
    package var upstreams: @Sendable () async -> [UpstreamStatus]
    /// Prometheus text, format 0.0.4.
    package var metrics: @Sendable () async -> [UInt8]
    /// Fetches a new token for an upstream. Returns whether that succeeded; nil when there is no upstream of this name.
    package var refresh: @Sendable (_ upstream: String) async -> Bool?
    /// Loads the configuration again. Returns every problem; when there are any, nothing has changed.
    package var reload: @Sendable () async -> [String]

    /// Each closure may be called at any time, on the control loop.
    package init(
        version: String, isDraining: @escaping @Sendable () async -> Bool,
        upstreams: @escaping @Sendable () async -> [UpstreamStatus],
        metrics: @escaping @Sendable () async -> [UInt8],
        refresh: @escaping @Sendable (_ upstream: String) async -> Bool?, reload: @escaping @Sendable () async -> [String]
    ) {
        self.isDraining = isDraining
        (self.version, self.upstreams, self.metrics, self.refresh, self.reload) = (version, upstreams, metrics, refresh, reload)
    }
}
