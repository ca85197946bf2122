import AWS
import Access
import HTTP
import HTTPServer
import Registry
import Telemetry
import Transport

/// What the exchanges of one worker work with: its pool, its counters, its view of what other threads publish, and buffers to
/// reuse. Confined to its loop.
final class Bench {
    let pool: UpstreamPool
    let metrics: WorkerMetrics
    /// The worker's, from 0.
    private let number: Int
    private var siteReader: Published<Site>.Reader
    private var tokens = TokenReaders()
    private let logins: Logins
    private let verified = CredentialCache()
    var lists = RecentLists()
    private let accessLog: AccessLog
    private var headBuffers: [[UInt8]] = []
    private var requestNumber = UInt64.random(in: 0 ... .max)

    private static let maxHeadBuffers = 64
    /// Those that a manifest has made larger are not kept.
    private static let maxHeadBufferBytes = 64 << 10

    init(
        number: Int, pool: UpstreamPool, metrics: WorkerMetrics, site: Published<Site>, logins: Logins,
        accessLog: sending AccessLog
    ) {
        (self.number, self.pool, self.metrics, self.logins, self.accessLog) = (number, pool, metrics, logins, accessLog)
        siteReader = .init(site)
    }

    /// As it was last published. Exchanges take it once.
    func site() -> Site { siteReader.read() }

    func token(of upstream: Upstream) -> AuthorizationToken? { tokens.token(of: upstream) }

    func tokenServed(_ upstream: Upstream) { tokens.served(upstream) }

    func tokenServedLately(_ upstream: Upstream) -> Bool { tokens.servedLately(upstream) }

    /// 16 hexadecimal digits, unlike any other of this worker's for all practical time (a full-period sequence, mixed so that
    /// neighbours look unlike).
    func nextRequestID() -> [UInt8] {
        requestNumber &+= 0x9e37_79b9_7f4a_7c15
        var mixed = requestNumber
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return [UInt8](unsafeUninitializedCapacity: 16) { digits, count in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: mixed >> UInt64(60 - 4 * index)) & 15
                digits[index] = digit < 10 ? 48 + digit : 87 + digit
            }
            count = 16
        }
    }

    // MARK: Logging in

    /// The common request: one HMAC and a look-up. Passwords are hashed elsewhere (design section 1).
    func login(_ field: ArraySlice<UInt8>?, from client: SocketAddress, site: Site) async -> Login {
        guard let field else { return site.users.anonymous.map { .principal($0) } ?? .missing }
        guard !field.isOversizedBearer else { return .invalid(.invalidToken) }
        let now = ContinuousClock.now
        if let principal = verified.lookup(field, generation: site.users.generation, now: now) { return .principal(principal) }
        if field.isBearer { return login(withToken: field, site: site, now: now) }
        if field.count < Self.longestEmptyLogin, BasicCredentials(field: field)?.isEmpty == true {
            return site.users.anonymous.map { .principal($0) } ?? .missing
        }
        let login = await logins.verify(field, from: client, in: site.users)
        if case .principal(let principal) = login {
            verified.insert(principal, for: field, generation: site.users.generation, now: now)
        }
        return login
    }

    /// Remembered for no longer than it is good.
    private func login(withToken field: ArraySlice<UInt8>, site: Site, now: ContinuousClock.Instant) -> Login {
        let clock = TokenService.now
        guard let (principal, end) = site.users.login(withToken: field, now: clock) else { return .invalid(.invalidToken) }
        verified.insert(
            principal, for: field, generation: site.users.generation, now: now, lifetime: .seconds(Double(end) - clock))
        return .principal(principal)
    }

    /// `Basic Og==`, and some blanks.
    private static let longestEmptyLogin = 16

    // MARK: Buffers

    /// An empty buffer for a head, with the room that earlier ones needed.
    func takeHeadBuffer() -> [UInt8] { headBuffers.popLast() ?? [] }

    /// - Parameter buffer: empty afterwards. Taken out of its owner's hands, or emptying it would copy it.
    func returnHeadBuffer(_ buffer: inout [UInt8]) {
        var returned: [UInt8] = []
        swap(&returned, &buffer)
        guard headBuffers.count < Self.maxHeadBuffers, returned.capacity <= Self.maxHeadBufferBytes else { return }
        returned.removeAll(keepingCapacity: true)
        headBuffers.append(returned)
    }

    // MARK: The end of an exchange

    func finish(_ record: borrowing ExchangeRecord, of head: Head) {
        metrics.request(
            operation: record.operation.index, status: record.status, seconds: Double(record.nanoseconds) / 1e9)
        accessLog.write(record, of: head)
    }

    /// The response to a head that is no request, counted and logged.
    func reject(_ error: HeadError, from client: SocketAddress, on loop: EventLoop) -> [UInt8] {
        reject(Refusal(.unsupported, "\(error.reason)", status: error.status), end: "malformed", from: client, on: loop)
    }

    /// The only response on a connection without a request.
    /// - Parameter end: why it ends, for the log.
    func reject(_ refusal: Refusal, end: StaticString, from client: SocketAddress, on loop: EventLoop) -> [UInt8] {
        let id = nextRequestID(), text = String(decoding: id, as: UTF8.self)
        metrics.request(operation: RegistryOperation.other.index, status: refusal.error.status, seconds: 0)
        accessLog.write(refusal.error, end: end, requestID: id, from: client)
        return LastResponse.bytes(
            refusal.error.status, fields: refusal.fields + [("Berth-Request-Id", text)], body: refusal.error.json(requestID: text),
            on: loop)
    }

    func handshakeFailed(_ error: any Error, from client: SocketAddress) { accessLog.write(error, from: client) }

    /// Without a response.
    func turnedAway(_ client: SocketAddress, _ rejection: Refusal) {
        accessLog.write(rejection.error, end: "turned_away", requestID: nextRequestID(), from: client)
    }

    /// What the log was spared, told now and then, and whole `atEnd`.
    func writeRepeatedRejections(atEnd: Bool = false) { accessLog.writeRepeats(all: atEnd) }

    func loginFailed(_ failure: LoginFailure) { metrics.loginFailed(reason: failure.index) }

    func replayed(_ upstream: Upstream, _ reason: ReplayReason) { upstream.metrics.replayed(reason: reason.index) }

    /// Now and then: levels rather than counts, and what is remembered of upstreams that are gone.
    func sweep() {
        let upstreams = site().upstreams
        pool.sweep()
        tokens.keep(only: upstreams)
        for upstream in upstreams {
            let (idle, active) = pool.connections(to: upstream.origin)
            upstream.metrics.connections(worker: number, idle: idle, active: active)
        }
    }
}
