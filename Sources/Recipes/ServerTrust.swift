import Configuration
import Crypto

/// What clients need in order to trust the gateway's certificate.
struct ServerTrust {
    /// The PEM of an authority that clients must be told to trust; nil: none, or it is not known here.
    let authority: String?
    /// For a person.
    let description: String
    var notes: [String] = []

    /// - Parameter given: the path of a PEM file with the authority's certificate; nil: it is looked for.
    init(of choice: AddressChoice, in settings: Settings, given: String?, mirrors: [ClientAddress]) throws(RecipeError) {
        guard choice.address.isHTTPS else {
            (authority, description) = (nil, "none: plain HTTP, so everyone on the network can read passwords and images")
            return
        }
        let served: CertificateChain?
        do throws(TLSError) {
            served = try choice.listener.tls.map { files throws(TLSError) in try CertificateChain(path: files.certificate) }
        } catch {
            throw RecipeError("the certificate of listeners[\(choice.index)] can no longer be read: \(error)")
        }
        if let given {
            guard let chain = try? CertificateChain(path: given), let pem = try? chain.authority() else {
                throw RecipeError("--ca \(given): this is no readable PEM file with the certificate of an authority")
            }
            (authority, description) = (pem, "issued by '\(chain.issuer)', whose certificate is below")
        } else if let served {
            let others = settings.caFile.flatMap { try? CertificateChain(path: $0.path) }
            if served.isTrustedBySystem {
                (authority, description) = (nil, "issued by '\(served.issuer)', which this machine trusts")
            } else if let pem = try? served.authority(orIn: others) {
                (authority, description) = (pem, "issued by '\(served.issuer)', whose certificate is below")
            } else {
                (authority, description) = (nil, "issued by '\(served.issuer)', which this machine does not trust")
                notes.append(
                    "Clients trust the certificate only if they know '\(served.issuer)'. Give the PEM file of its certificate with --ca FILE; the steps that install it are then added."
                )
            }
        } else {
            (authority, description) = (nil, "that of the proxy in front of Berth")
            notes.append(
                "TLS ends in front of Berth. If the certificate there is not from a public authority, give the authority's PEM file with --ca FILE."
            )
        }
        guard let served, choice.listener.tls != nil else { return }
        for address in [choice.address] + mirrors where !served.covers(address.name) {
            notes.append(
                "The certificate of listeners[\(choice.index)] is not for \(address.name): clients will reject it. Have one issued with that name."
            )
        }
        if let clients = choice.listener.tls?.clientCA {
            notes.append(
                "Clients must show a certificate that \(clients) issued: docker, podman and buildah as client.cert and client.key next to ca.crt, containerd as client = [[\"CERT\", \"KEY\"]] in hosts.toml, k3s and RKE2 as tls.cert_file and tls.key_file."
            )
        }
    }
}
