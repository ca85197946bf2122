import Crypto
import Transport

/// Reads `listeners` and `admin`.
struct ListenerReader {
    let root: Section

    func read(into settings: inout Settings) {
        let sections = root.sections("listeners")
        if let sections {
            settings.listeners = sections.compactMap(listener)
            if sections.isEmpty { root.problem("listeners", "this is empty; remove the key for 0.0.0.0:5000") }
        }
        let admin = root.section("admin")
        if let admin {
            readAddress(of: admin, into: &settings)
            settings.adminToken = adminToken(admin)
            admin.finish()
            if !settings.admin.isLoopback, !admin.has("token_file") {
                settings.warnings.append(
                    ProblemList.line(
                        admin.location(of: "address"),
                        "whoever reaches \(settings.admin) may reload, refresh tokens, change the log's level and empty the cache; set admin.token_file, or listen on 127.0.0.1"
                    ))
            }
        }
        checkAddressesDiffer((sections ?? []) + (admin.map { [$0] } ?? []))
    }

    /// `admin.address` alone, for a command that asks a running gateway.
    func readAdminAddress(into settings: inout Settings) {
        if let admin = root.section("admin") { readAddress(of: admin, into: &settings) }
    }

    private func readAddress(of admin: Section, into settings: inout Settings) {
        let meaning = "where the [admin listener](#health-metrics-log) listens"
        if let address = address(admin, meaning, standard: "`\(settings.admin)`") { settings.admin = address }
    }

    /// With SO_REUSEPORT the kernel would spread an address's connections over its listeners, TLS or not. Addresses that overlap cannot be
    /// listened on without it.
    private func checkAddressesDiffer(_ sections: [Section]) {
        var taken: [SocketAddress] = []
        for section in sections {
            guard let address = section.readText("address").flatMap(ListenAddress.parse), address.port != 0 else { continue }
            if let other = taken.first(where: address.overlaps) {
                section.problem(
                    "address",
                    "\(section.quoted("address")) is used by another listener, at \(other); write another port, or keep one of them"
                )
            }
            taken.append(address)
        }
    }

    private func listener(_ section: Section) -> Settings.Listener? {
        defer { section.finish() }
        if !section.has("address") { section.problem("address", "missing; write one like \(ListenAddress.examples)") }
        let address = address(
            section, "IP address and port; port 0 takes a free port", standard: "`\(Settings().listeners[0].address)`")
        let tls = section.section("tls").flatMap(tls)
        let publicURL = publicURL(section)
        let proxies = SharedKeys.networks(
            section, "trusted_proxies",
            "networks whose `X-Forwarded-For`, `-Host` and `-Proto` are believed. Limits and the log then use the client behind the proxy"
        )
        guard let address else { return nil }
        return Settings.Listener(address: address, tls: tls, publicURL: publicURL, trustedProxies: proxies ?? [])
    }

    private func address(_ section: Section, _ meaning: String, standard: String) -> SocketAddress? {
        guard let text = section.string("address", meaning, standard: standard) else { return nil }
        if let address = ListenAddress.parse(text) { return address }
        section.problem(
            "address", "\(section.quoted("address")) is not an IP address and a port; write one like \(ListenAddress.examples)")
        return nil
    }

    /// It is sent in a header field, so only visible characters of ASCII can be used.
    private func adminToken(_ section: Section) -> Secret<[UInt8]>? {
        let token = SharedKeys.secret(
            section, "token_file", "a token", min: Settings.minAdminTokenBytes,
            "the token that refreshing, reloading, changing the log level and emptying the cache then require: at least \(Settings.minAdminTokenBytes) bytes of text (`openssl rand -base64 48`). Without it, web pages, Berth's own too, can change nothing",
            standard: "anybody who reaches the listener may")
        guard let token, !token.reveal.allSatisfy({ (0x21...0x7E).contains($0) }) else { return token }
        section.problem(
            "token_file",
            "\(section.quoted("token_file")) holds a space or a character outside of ASCII; make a token with openssl rand -base64 48"
        )
        return nil
    }

    private func tls(_ section: Section) -> TLSFiles? {
        defer { section.finish() }
        let certificate = section.path(
            "certificate", required: "the path of a PEM file, leaf first",
            "PEM file of the certificate chain, leaf first. Without `tls`, the listener speaks plain HTTP")
        let key = section.path("private_key", required: "the path of a PEM file", "PEM file of its key, unencrypted")
        let clients = section.path("client_ca", "PEM; clients must then present a certificate that it issued")
        guard let certificate, let key, section.has("client_ca") == (clients != nil) else { return nil }
        do throws(TLSError) {
            return try TLSFiles(certificate: certificate, privateKey: key, clientCA: clients)
        } catch {
            let part = TLSFiles.Part(error)
            section.problem(part.rawValue, "\(section.quoted(part.rawValue)) \(part.problem(error))")
            return nil
        }
    }

    private func publicURL(_ section: Section) -> PublicURL? {
        guard
            let text = section.string(
                "public_url",
                "what `Location` and `Link` begin with, and clients are told to use, instead of the host that they used")
        else { return nil }
        if let url = PublicURL(text) { return url }
        section.problem(
            "public_url",
            "\(section.quoted("public_url")) is not http or https with a host and perhaps a port; write one like https://registry.example.com"
        )
        return nil
    }
}
