/// Whether a registry of an upstream is used.
package struct RegistryFigures: Sendable {
    /// The upstream's name in the configuration.
    package let upstream: String
    /// The registry's host.
    package let registry: String
    /// 1: it is; 0.5: the next request tries it; 0: it is not, since it failed or has no token.
    package let state: Double

    /// - Parameter state: 0, 0.5 or 1.
    package init(upstream: String, registry: String, state: Double) {
        (self.upstream, self.registry, self.state) = (upstream, registry, state)
    }
}
