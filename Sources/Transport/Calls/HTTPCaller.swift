/// Calls over libcurl on a loop: robust against proxies, many addresses and slow names, where the cost of a byte does not count.
public actor HTTPCaller {
    public nonisolated let loop: EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private let trust: CallTrust
    private let userAgent: String
    private var multi: CurlMulti?
    private var lastNumber = 0

    public init(loop: EventLoop, trust: CallTrust = .system, userAgent: String = "berth") {
        self.loop = loop
        self.trust = trust
        self.userAgent = userAgent
    }

    // On the loop, since it frees events of the loop and closes their sockets.
    isolated deinit {}

    /// The answer, of whatever status. Cancelling the task ends the transfer.
    public func call(_ request: CallRequest) async throws(CallError) -> CallResponse {
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
    private func perform(_ request: CallRequest, number: Int) async -> CurlMulti.Outcome {
        let multi = self.multi ?? CurlMulti(loop: loop)
        self.multi = multi
        do throws(CallError) {
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
