import HTTPServer

/// What the parts of the registry share: fields of every response, URLs in responses, digests in requests.
struct RegistryFormat {
    let account: Account
    var quirks: Quirks { account.quirks }

    static let version = ("Docker-Distribution-Api-Version", "registry/2.0")

    /// The fields of every response.
    func common(_ exchange: Exchange) -> [(String, String)] {
        [Self.version] + (exchange.request.keepsAlive ? [("Connection", "keep-alive")] : [])
    }

    /// An absolute URL has the request's `Host`, unchecked, as in ECR (ECR 1.5).
    func url(_ path: String, _ exchange: Exchange, absolute: Bool) -> String {
        absolute ? "https://\(exchange.field("Host") ?? account.registryHost)\(path)" : path
    }

    /// - Parameter parameter: names the digest in the error.
    func digest(_ text: String, parameter: String) throws -> ContentDigest {
        guard let digest = ContentDigest(text) else {
            throw RegistryErrorResponse.invalidParameter(
                parameter, "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'", account: account)
        }
        return digest
    }
}
