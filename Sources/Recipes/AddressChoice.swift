import Configuration
import Crypto
import HTTP
import Transport

/// The address that clients use, found from what a person gave or from the listeners.
struct AddressChoice {
    let address: ClientAddress
    /// The listener behind it, and its place in `listeners`.
    let listener: Settings.Listener
    let index: Int
    /// Where the address is from.
    let origin: String
    /// What to know about it.
    var notes: [String] = []

    /// - Parameters:
    ///   - given: `host`, `host:port` or a URL of these; nil: found from the listeners.
    ///   - machine: this machine's name, for a listener at every address.
    init(in settings: Settings, given: String?, machine: String) throws(RecipeError) {
        if let given {
            try self.init(in: settings, given)
        } else if let index = settings.listeners.firstIndex(where: { $0.publicURL != nil }),
            let url = settings.listeners[index].publicURL
        {
            self.init(
                address: ClientAddress(isHTTPS: url.isHTTPS, host: url.host), listener: settings.listeners[index], index: index,
                origin: "public_url of listeners[\(index)]")
        } else {
            try self.init(guessedFrom: settings, machine: machine)
        }
    }

    private init(address: ClientAddress, listener: Settings.Listener, index: Int, origin: String, notes: [String] = []) {
        (self.address, self.listener, self.index, self.origin, self.notes) = (address, listener, index, origin, notes)
    }

    private init(in settings: Settings, _ given: String) throws(RecipeError) {
        let hasScheme = given.contains("://")
        guard let url = PublicURL(hasScheme ? given : "https://" + given) else {
            throw RecipeError("--address \(given): this is not a host; write one like registry.example.com or 10.0.0.5:5000")
        }
        let host = url.host
        let listeners = settings.listeners
        let index =
            listeners.firstIndex { $0.publicURL?.host.name == host.name }
            ?? listeners.firstIndex { host.port != nil && $0.address.port == host.port }
            ?? listeners.firstIndex { hasScheme && ($0.tls != nil) == url.isHTTPS }
            ?? listeners.firstIndex { $0.tls != nil } ?? 0
        let listener = listeners[index]
        let isHTTPS: Bool
        if hasScheme {
            isHTTPS = url.isHTTPS
        } else if let known = listener.publicURL, known.host.name == host.name {
            isHTTPS = known.isHTTPS
        } else {
            isHTTPS = listener.tls != nil || (!listener.trustedProxies.isEmpty && host.port != listener.address.port)
        }
        self.init(
            address: ClientAddress(isHTTPS: isHTTPS, host: host), listener: listener, index: index, origin: "--address")
        if isHTTPS, listener.tls == nil, listener.publicURL == nil, hasScheme == false {
            notes.append(
                "https is assumed, because listeners[\(index)] trusts proxies. Give --address http://\(given) if it is not.")
        }
        if host.port == nil, listener.publicURL == nil, listener.address.port != (isHTTPS ? 443 : 80) {
            notes.append(
                "Clients use port \(isHTTPS ? 443 : 80) of \(host.name); Berth listens on \(listener.address.port). If nothing forwards to it, give --address \(host.name):\(listener.address.port)."
            )
        }
    }

    private init(guessedFrom settings: Settings, machine: String) throws(RecipeError) {
        let index = settings.listeners.firstIndex { $0.tls != nil } ?? 0
        let listener = settings.listeners[index], socket = listener.address
        guard socket.port != 0 else {
            throw RecipeError("listeners[\(index)].address takes any free port; give --address HOST:PORT")
        }
        var name = socket.host, origin = "listeners[\(index)].address"
        var notes: [String] = []
        if socket.addressBytes.allSatisfy({ $0 == 0 }) {
            let certified = listener.tls.flatMap { try? CertificateChain(path: $0.certificate).names.first { !$0.hasPrefix("*") } }
            name = certified ?? machine
            origin = certified == nil ? "a guess from this machine's name" : "a guess from the certificate's first name"
            notes.append("The address is a guess. Give --address HOST[:PORT] if clients use another, or set public_url.")
        } else if name == "::1" || name.hasPrefix("127.") {
            notes.append("Only clients on this machine reach \(name).")
        }
        guard let host = HostName(name, port: socket.port) else {
            throw RecipeError("'\(name)' is not a name that clients can use; give --address HOST[:PORT]")
        }
        self.init(
            address: ClientAddress(isHTTPS: listener.tls != nil, host: host), listener: listener, index: index, origin: origin,
            notes: notes)
    }
}
