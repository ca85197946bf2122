import Configuration

extension Settings.Limits {
    /// Lowered to what a number of descriptors can serve: each connection of a client may need one to the upstream, and the process itself, the
    /// admin listener and connections that are being rejected have a reserve. Where connections are fewer than configured, no client may have
    /// them all.
    func fitted(toDescriptors descriptors: Int) -> Settings.Limits {
        let served = max((descriptors - Self.reserve(of: descriptors)) / 2, 1)
        guard connections > served else { return self }
        var fitted = self
        fitted.connections = served
        fitted.connectionsPerClient = min(connectionsPerClient, max(served / 2, 1))
        return fitted
    }

    /// A quarter of few descriptors, and at most 512.
    private static func reserve(of descriptors: Int) -> Int { min(512, descriptors / 4) }

    /// Connections past the bounds that are being sent a rejection at the same time: a part of the reserve.
    static func maxPendingRejections(descriptors: Int) -> Int { reserve(of: descriptors) / 2 }
}
