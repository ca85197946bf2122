import Crypto
import Foundation
import HTTP
import Transport

/// `listeners` and `admin`.
extension SettingsReader {
    func listeners(_ settings: inout Settings, _ root: Section) {
        let sections = root.sections("listeners")
        if let sections {
            settings.listeners = sections.compactMap(listener)
            if sections.isEmpty { root.problem("listeners", "this is empty; leave the key out for 0.0.0.0:5000") }
        }
        let admin = root.section("admin")
        if let admin {
            if let address = address(admin, "address") { settings.admin = address }
            admin.finish()
        }
        apart((sections ?? []) + (admin.map { [$0] } ?? []))
    }

    /// With SO_REUSEPORT two listeners of one address would share its connections, TLS or not, as the kernel likes.
    private func apart(_ sections: [Section]) {
        var taken: [Settings.Address] = []
        for section in sections {
            guard let address = section.text("address").flatMap(Addresses.parse), address.port != 0 else { continue }
            if taken.contains(address) {
                section.problem("address", "\(section.written("address")) is listened at already; write another port")
            }
            taken.append(address)
        }
    }

    private func listener(_ section: Section) -> Settings.Listener? {
        defer { section.finish() }
        let tls = section.section("tls").flatMap(tls)
        let publicURL = publicURL(section)
        let proxies = networks(section, "trusted_proxies")
        if !section.has("address") { section.problem("address", "missing; write one like \(Addresses.examples)") }
        guard let address = address(section, "address") else { return nil }
        return Settings.Listener(address: address, tls: tls, publicURL: publicURL, trustedProxies: proxies ?? [])
    }

    func networks(_ section: Section, _ key: String) -> [Network]? {
        section.values(key) {
            Network($0)
        } problem: { _ in
            "is not a network; write one like 10.0.0.0/8 or fd00::/8"
        }
    }

    private func tls(_ section: Section) -> Settings.TLSFiles? {
        defer { section.finish() }
        let certificate = section.requiredPath("certificate", "the path of a PEM file, leaf first")
        let key = section.requiredPath("private_key", "the path of a PEM file")
        let clients = section.path("client_ca")
        guard let certificate, let key, section.has("client_ca") == (clients != nil) else { return nil }
        do throws(TLSError) {
            return try Settings.TLSFiles(certificate: certificate, privateKey: key, clientCA: clients)
        } catch {
            let part = Settings.TLSFiles.Part(error)
            section.problem(part.rawValue, "\(section.written(part.rawValue)) \(part.problem(error))")
            return nil
        }
    }

    private func publicURL(_ section: Section) -> String? {
        guard let text = section.string("public_url") else { return nil }
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        if let scheme = ["https://", "http://"].first(where: trimmed.lowercased().hasPrefix),
            case let host = trimmed.dropFirst(scheme.count), Addresses.isHost(host) || Addresses.isHostAndPort(String(host)),
            let name = HostName(host)
        {
            return scheme + name.description
        }
        section.problem(
            "public_url",
            "\(section.written("public_url")) is not http or https, a host and perhaps a port; write one like https://registry.example.com"
        )
        return nil
    }
}
