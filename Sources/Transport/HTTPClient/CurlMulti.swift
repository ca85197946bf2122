import CCurl
import CLibevent

/// Owns a libcurl multi handle: libcurl says which sockets and timeout it waits for, and libevent reports them
/// (`curl_multi_socket_action`). Confined to its loop.
final class CurlMulti {
    typealias Outcome = Result<HTTPClientResponse, HTTPClientError>

    private struct Running {
        let transfer: CurlTransfer
        let continuation: CheckedContinuation<Outcome, Never>
    }

    private let loop: EventLoop
    private let handle: UnsafeMutableRawPointer
    private var timer: OpaquePointer?
    private var running: [Int: Running] = [:]

    /// Once per process, before the first handle.
    private static let libraryIsReady: Void = {
        let code = curl_global_init(3 /* CURL_GLOBAL_ALL, a macro that Swift does not see */)
        precondition(code == CURLE_OK, "curl_global_init failed: \(String(cString: curl_easy_strerror(code)))")
    }()

    init(loop: EventLoop) {
        _ = Self.libraryIsReady
        // Fails only without memory.
        guard let handle = curl_multi_init() else { fatalError("curl_multi_init failed") }
        self.loop = loop
        self.handle = handle
        let this = Unmanaged.passUnretained(self).toOpaque()
        timer = event_new(loop.base, -1, 0, { _, _, this in CurlMulti.from(this).act(on: CURL_SOCKET_TIMEOUT, 0) }, this)
        _ = berth_multi_pointer(handle, CURLMOPT_SOCKETDATA, this)
        _ = berth_multi_pointer(handle, CURLMOPT_TIMERDATA, this)
        _ = berth_multi_socket(handle) { _, socket, interest, this, event in
            CurlMulti.from(this).watch(socket, for: interest, event: event.map { OpaquePointer($0) })
            return 0
        }
        _ = berth_multi_timer(handle) { _, milliseconds, this in
            CurlMulti.from(this).setTimer(milliseconds)
            return 0
        }
    }

    deinit {
        // Before the timer is freed: closing the kept connections sets it once more.
        curl_multi_cleanup(handle)
        event_free(timer)
    }

    private static func from(_ this: UnsafeMutableRawPointer?) -> CurlMulti {
        guard let this else { preconditionFailure("libcurl or libevent lost its argument") }
        return Unmanaged<CurlMulti>.fromOpaque(this).takeUnretainedValue()
    }

    var count: Int { running.count }

    func start(_ transfer: CurlTransfer, number: Int, continuation: CheckedContinuation<Outcome, Never>) {
        loop.checkIsolated()
        running[number] = Running(transfer: transfer, continuation: continuation)
        let code = curl_multi_add_handle(handle, transfer.handle)
        if code != CURLM_OK { end(number, .failure(transfer.error(.other, String(cString: curl_multi_strerror(code))))) }
    }

    func cancel(_ number: Int) {
        guard let transfer = running[number]?.transfer else { return }
        end(number, .failure(transfer.error(.cancelled, "cancelled")))
    }

    private func end(_ number: Int, _ outcome: Outcome) {
        guard let ended = running.removeValue(forKey: number) else { return }
        curl_multi_remove_handle(handle, ended.transfer.handle)
        ended.continuation.resume(returning: outcome)
    }

    private func watch(_ socket: curl_socket_t, for interest: Int32, event: OpaquePointer?) {
        if let event { event_free(event) }
        guard interest != CURL_POLL_REMOVE else {
            curl_multi_assign(handle, socket, nil)
            return
        }
        let read = interest & CURL_POLL_IN != 0 ? EV_READ : 0, write = interest & CURL_POLL_OUT != 0 ? EV_WRITE : 0
        let event = event_new(
            loop.base, socket, Int16(read | write | EV_PERSIST),
            { socket, what, this in
                let read = Int32(what) & EV_READ != 0 ? CURL_CSELECT_IN : 0,
                    write = Int32(what) & EV_WRITE != 0 ? CURL_CSELECT_OUT : 0
                CurlMulti.from(this).act(on: socket, read | write)
            }, Unmanaged.passUnretained(self).toOpaque())
        event_add(event, nil)
        curl_multi_assign(handle, socket, event.map { UnsafeMutableRawPointer($0) })
    }

    /// Does not call libcurl, not even for zero: libcurl must not be called from its own callback.
    private func setTimer(_ milliseconds: Int) {
        guard milliseconds >= 0 else {
            event_del(timer)
            return
        }
        var interval = timeval(.milliseconds(milliseconds))
        event_add(timer, &interval)
    }

    private func act(on socket: curl_socket_t, _ ready: Int32) {
        var alive: Int32 = 0
        curl_multi_socket_action(handle, socket, ready, &alive)
        var left: Int32 = 0
        while let message = curl_multi_info_read(handle, &left) {
            guard message.pointee.msg == CURLMSG_DONE else { continue }
            // Read before the handle is removed, which frees the message.
            let code = message.pointee.data.result
            let done = message.pointee.easy_handle
            // A handful at a time: a scan is cheaper than a second table.
            guard let ended = running.first(where: { $0.value.transfer.handle == done }) else { continue }
            end(ended.key, ended.value.transfer.outcome(code))
        }
    }
}
