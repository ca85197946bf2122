/// An HTTP client over libcurl on a loop, for calls to AWS and to the machine's services. Copes with proxies, many addresses and slow DNS; its cost
/// per byte does not matter there.
package actor HTTPClient {
    /// The loop that all transfers run on.
    package nonisolated let loop: EventLoop
    /// The loop: the actor runs on its thread.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let trust: HTTPClientTrust
    private let userAgent: String
    private var multi: CurlMulti?
    private var lastNumber = 0

    /// - Parameters:
    ///   - trust: the certificate authorities that servers may use.
    ///   - userAgent: the `User-Agent` of every request.
    package init(loop: EventLoop, trust: HTTPClientTrust = .system, userAgent: String = "berth") {
        self.loop = loop
        self.trust = trust
        self.userAgent = userAgent
    }

    // Isolated to the loop, since it frees the loop's events and closes their sockets.
    isolated deinit {}

    /// Sends a request and returns the whole response, of any status. Cancelling the task ends the transfer.
    /// - Throws: when there is no response, or one over the bounds of `HTTPClientResponse`.
    package func call(_ request: HTTPClientRequest) async throws(HTTPClientError) -> HTTPClientResponse {
        lastNumber += 1
        let number = lastNumber
        let outcome = await withTaskCancellationHandler {
            await perform(request, number: number)
        } onCancel: {
            Task { await self.cancel(number) }
        }
        return try outcome.get()
    }

    /// A separate method: in a closure that does not name the actor, `withCheckedContinuation` leaves the actor's thread (its `#isolation` is nil
    /// there), and libcurl and libevent would be called off the loop.
    private func perform(_ request: HTTPClientRequest, number: Int) async -> CurlMulti.Outcome {
        let multi = self.multi ?? CurlMulti(loop: loop)
        self.multi = multi
        do throws(HTTPClientError) {
            let transfer = try CurlTransfer(request, trust: trust, userAgent: userAgent)
            // A cancellation from here on is queued after this method, and finds the transfer started.
            guard !Task.isCancelled else { throw transfer.error(.cancelled, "cancelled") }
            return await withCheckedContinuation { multi.start(transfer, number: number, continuation: $0) }
        } catch {
            return .failure(error)
        }
    }

    private func cancel(_ number: Int) { multi?.cancel(number) }

    /// Transfers in progress. For tests.
    var activeTransfers: Int { multi?.count ?? 0 }
}
