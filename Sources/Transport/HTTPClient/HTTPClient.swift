/// Calls over libcurl on a loop: robust against proxies, many addresses and slow names, where the cost of a byte does not count.
package actor HTTPClient {
    package nonisolated let loop: EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let trust: HTTPClientTrust
    private let userAgent: String
    private var multi: CurlMulti?
    private var lastNumber = 0

    package init(loop: EventLoop, trust: HTTPClientTrust = .system, userAgent: String = "berth") {
        self.loop = loop
        self.trust = trust
        self.userAgent = userAgent
    }

    // On the loop, since it frees events of the loop and closes their sockets.
    isolated deinit {}

    /// The answer, of whatever status. Cancelling the task ends the transfer.
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

    /// A method of its own: in a closure that does not name the actor, `withCheckedContinuation` leaves the actor's thread
    /// (its `#isolation` is nil there), and libcurl and libevent would be entered beside the loop.
    private func perform(_ request: HTTPClientRequest, number: Int) async -> CurlMulti.Outcome {
        let multi = self.multi ?? CurlMulti(loop: loop)
        self.multi = multi
        do throws(HTTPClientError) {
            let transfer = try CurlTransfer(request, trust: trust, userAgent: userAgent)
            // A cancellation from here on queues behind this method, and finds the transfer started.
            guard !Task.isCancelled else { throw transfer.error(.cancelled, "cancelled") }
            return await withCheckedContinuation { multi.start(transfer, number: number, continuation: $0) }
        } catch {
            return .failure(error)
        }
    }

    private func cancel(_ number: Int) { multi?.cancel(number) }

    /// Transfers under way. For tests.
    var transfersUnderWay: Int { multi?.count ?? 0 }
}
