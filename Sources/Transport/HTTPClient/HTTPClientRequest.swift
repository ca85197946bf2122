import CCurl

/// One call to a service of AWS or of the machine: small, whole in memory, never on the data path.
package struct HTTPClientRequest: Sendable {
    /// What is called, for people: `ecr:GetAuthorizationToken`, `instance metadata token`.
    package var name: String
    package var method: String
    package var url: HTTPClientURL
    /// Sent besides `Host`, `Content-Length` and `User-Agent`.
    package var fields: [(name: String, value: String)]
    package var body: [UInt8]?
    /// To a connection with its TLS handshake.
    package var connectTimeout = Duration.seconds(5)
    /// From the start to the last byte of the answer, the connection included.
    package var timeout = Duration.seconds(15)
    /// `host:port` to dial instead; `Host`, SNI and the certificate's name stay those of the URL.
    package var dial: String?
    /// Through `HTTPS_PROXY` and `HTTP_PROXY`, as libcurl reads them, and around `NO_PROXY`. Never for addresses of the machine itself, and
    /// not where `dial` says where to.
    package var mayUseProxy = true
    /// The answer tells whose certificate was seen.
    package var wantsCertificate = false

    package init(
        _ name: String, method: String = "GET", url: HTTPClientURL, fields: [(name: String, value: String)] = [],
        body: [UInt8]? = nil
    ) {
        self.name = name
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
    }
}

/// An answer of any status; redirects are answers too, they are never followed.
package struct HTTPClientResponse: Sendable {
    package static let bodyLimit = 1 << 20  // bytes; a page of 1,000 repositories, the largest answer asked for, is near 600 KB
    static let fieldsLimit = 64 << 10  // bytes of the head; AWS sends 1 to 2 KB

    package var status: Int
    /// Names in lower case, in the order received.
    package var fields: [(name: String, value: String)]
    package var body: [UInt8]
    /// The address that was dialled, or the proxy's: `127.0.0.1:4566`.
    package var address: String
    /// Of a call that `wantsCertificate`: `CN = x, issued by CN = y, until Jan  1 00:00:00 2027 GMT`.
    package var certificate: String?

    package init(status: Int, fields: [(name: String, value: String)], body: [UInt8], address: String) {
        self.status = status
        self.fields = fields
        self.body = body
        self.address = address
    }

    /// The first field of that (lower-case) name.
    package subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The peer's clock, in seconds since 1970, when it told it.
    package var date: Int? {
        guard let text = self["date"] else { return nil }
        let seconds = curl_getdate(text, nil)
        return seconds >= 0 ? seconds : nil
    }
}

/// Why a call brought no answer. Holds no query, no field and no body: fit for a log.
package struct HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        case resolve, connect, tls, timeout, tooLarge, cancelled, other
    }

    package var kind: Kind
    /// `HTTPClientRequest.name`.
    package var call: String
    /// With the port where it is not the scheme's.
    package var host: String
    /// libcurl's own words, or ours where it has none.
    package var detail: String

    package init(kind: Kind, call: String, host: String, detail: String) {
        self.kind = kind
        self.call = call
        self.host = host
        self.detail = detail
    }

    package var description: String { "\(call) at \(host): \(detail)" }

    /// Worth another try: nothing says that the next one meets the same end.
    package var isTransient: Bool {
        switch kind {
        case .resolve, .connect, .timeout, .other: true
        case .tls, .tooLarge, .cancelled: false
        }
    }
}

/// Whose certificates a call believes.
package struct HTTPClientTrust: Sendable, Hashable {
    package static let system = HTTPClientTrust()
    static let fileLimit = 4 << 20  // bytes; the system's whole bundle is about 220 KB

    /// The system's store. False with `AWS_CA_BUNDLE`, which stands in its place for every SDK.
    package var includesSystem: Bool
    /// PEM files. Read anew for each call, so a renewed one needs no restart.
    package var files: [String]

    package init(includesSystem: Bool = true, files: [String] = []) {
        self.includesSystem = includesSystem
        self.files = files
    }
}
