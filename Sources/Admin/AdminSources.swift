/// What the admin listener shows and does. These are closures, so that this target does not depend on the gateway. Each may be called at any time,
/// on the control loop.
package struct AdminSources: Sendable {
    /// Berth's version.
    package var version: String
    /// The levels that `setLogLevel` takes, the most verbose first.
    package var logLevels: [String]
    /// Whether the gateway is draining: it takes no new exchanges.
    package var isDraining: @Sendable () async -> Bool
    /// The current state of each upstream in the configuration.
    package var upstreams: @Sendable () async -> [UpstreamStatus]
    /// nil: nothing is kept.
    package var cache: @Sendable () async -> CacheCondition?
    /// Counters since the start.
    package var traffic: @Sendable () async -> TrafficStatus
    /// Large bodies on their way.
    package var transfers: @Sendable () async -> [TransferStatus]
    /// Usage since the start.
    package var usage: @Sendable () async -> UsageReading
    /// What failed lately, the latest first.
    package var errors: @Sendable () async -> [ErrorStatus]
    /// Of the listeners with TLS.
    package var certificates: @Sendable () async -> [CertificateStatus]
    /// The configuration in use.
    package var configuration: @Sendable () async -> ConfigurationStatus
    /// The level of the log now.
    package var logLevel: @Sendable () async -> String
    /// Prometheus text, format 0.0.4.
    package var metrics: @Sendable () async -> [UInt8]
    /// Whether this is the token of `admin.token_file`, compared in constant time; nil: none is configured.
    package var isToken: @Sendable (_ presented: [UInt8]) async -> Bool?
    /// Fetches a new token for each registry of an upstream, its own first; nil when there is no upstream of this name.
    package var refresh: @Sendable (_ upstream: String) async -> [RefreshOutcome]?
    /// Removes all that the cache holds; nil when there is no cache.
    package var emptyCache: @Sendable () async -> CacheEmptying?
    /// Loads the configuration again. Returns what changed, or every problem; when there are any, nothing has changed.
    package var reload: @Sendable () async -> (changes: String, problems: [String])
    /// Changes the level of the log; one of `logLevels`.
    package var setLogLevel: @Sendable (_ level: String) async -> Void

    /// One closure for each thing that the listener shows or does.
    package init(
        version: String, logLevels: [String], isDraining: @escaping @Sendable () async -> Bool,
        upstreams: @escaping @Sendable () async -> [UpstreamStatus], cache: @escaping @Sendable () async -> CacheCondition?,
        traffic: @escaping @Sendable () async -> TrafficStatus,
        transfers: @escaping @Sendable () async -> [TransferStatus], usage: @escaping @Sendable () async -> UsageReading,
        errors: @escaping @Sendable () async -> [ErrorStatus], certificates: @escaping @Sendable () async -> [CertificateStatus],
        configuration: @escaping @Sendable () async -> ConfigurationStatus, logLevel: @escaping @Sendable () async -> String,
        metrics: @escaping @Sendable () async -> [UInt8], isToken: @escaping @Sendable (_ presented: [UInt8]) async -> Bool?,
        refresh: @escaping @Sendable (_ upstream: String) async -> [RefreshOutcome]?,
        emptyCache: @escaping @Sendable () async -> CacheEmptying?,
        reload: @escaping @Sendable () async -> (changes: String, problems: [String]),
        setLogLevel: @escaping @Sendable (_ level: String) async -> Void
    ) {
        (self.version, self.logLevels, self.isDraining) = (version, logLevels, isDraining)
        (self.upstreams, self.traffic, self.transfers, self.usage) = (upstreams, traffic, transfers, usage)
        (self.errors, self.certificates, self.configuration, self.logLevel) = (errors, certificates, configuration, logLevel)
        (self.metrics, self.isToken, self.refresh, self.reload) = (metrics, isToken, refresh, reload)
        (self.setLogLevel, self.cache, self.emptyCache) = (setLogLevel, cache, emptyCache)
    }
}
