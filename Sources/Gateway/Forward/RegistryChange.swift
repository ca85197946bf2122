/// A request that changes what the registry has: a push, a deletion.
struct RegistryChange {
    let forwarder: Forwarder

    /// Sends the request.
    /// - Parameter forget: what the cache knew before counts no more. Called when the registry has made the change, or may have, before the client has the
    ///   response; and not earlier, since it may come to nothing. What others have learned of the registry until then ends with it too, and what they learn
    ///   from responses to earlier requests is not remembered (`CacheStore.removals`).
    func send(_ requestHead: RequestHead, forget: () -> Void) async throws -> UpstreamResponse {
        do {
            let response = try await forwarder.send(requestHead)
            if forwarder.mayHaveBeenTaken || (200..<300).contains(response.status) || response.status >= 500 { forget() }
            return response
        } catch {
            if forwarder.mayHaveBeenTaken { forget() }
            throw error
        }
    }
}
