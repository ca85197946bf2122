import Glibc

/// The sockets that a service manager has passed by `LISTEN_FDS` (sd_listen_fds(3)).
package enum SocketActivation {
    /// The first of them; they have consecutive numbers.
    private static let firstDescriptor: Int32 = 3
    /// Far above what a socket unit has.
    private static let maxSockets = 1024

    /// Takes the sockets that are meant for this process. To be called once, before anything is opened.
    /// - Parameter environment: with `LISTEN_PID`, `LISTEN_FDS` and perhaps `LISTEN_FDNAMES`.
    /// - Returns: none if there are none, or none for this process.
    /// - Throws: the variables make no sense, or one is no TCP socket that listens.
    package static func sockets(_ environment: [String: String], process: Int32 = getpid()) throws(TakeOverError) -> [HandedSocket]
    {
        guard let names = try names(environment, process: process) else { return [] }
        var sockets: [HandedSocket] = []
        for (index, name) in names.enumerated() {
            let number = firstDescriptor + Int32(index)
            do {
                sockets.append(
                    HandedSocket(configured: nil, socket: try ListeningSocket(inherited: Descriptor(owning: number))))
            } catch {
                throw TakeOverError(
                    "LISTEN_FDS: descriptor \(number)\(name.isEmpty ? "" : " (\(name))"): \(error.reason); the socket unit needs ListenStream= with an address and a port"
                )
            }
        }
        return sockets
    }

    /// The name of each socket, empty if it has none; nil: there are none for this process.
    static func names(_ environment: [String: String], process: Int32) throws(TakeOverError) -> [String]? {
        guard let count = environment["LISTEN_FDS"] else { return nil }
        guard let target = environment["LISTEN_PID"], let target = Int32(target) else {
            throw TakeOverError(
                "LISTEN_PID='\(environment["LISTEN_PID"] ?? "")' is no process id, though LISTEN_FDS is set; unset both")
        }
        // Inherited from a parent that did not clear them.
        guard target == process else { return nil }
        guard let number = Int(count), 0...maxSockets ~= number else {
            throw TakeOverError("LISTEN_FDS='\(count)' is no number from 0 to \(maxSockets)")
        }
        let names = environment["LISTEN_FDNAMES"].map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }
        return (0..<number).map { index in names.flatMap { index < $0.count ? $0[index] : nil } ?? "" }
    }
}
