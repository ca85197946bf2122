import CCurl

/// One request to a service of AWS or of the machine: small, whole in memory, never on the data path.
package struct HTTPClientRequest: Sendable {
    /// The call's name in errors and logs: `ecr:GetAuthorizationToken`, `instance metadata token`.
    package var name: String
    /// As on the request line, in upper case.
    package var method: String
    /// The scheme decides on TLS.
    package var url: HTTPClientURL
    /// Sent besides `Host`, `Content-Length` and `User-Agent`.
    package var fields: [(name: String, value: String)]
    /// nil: no body and no `Content-Length`.
    package var body: [UInt8]?
    /// Until the connection is made, with its TLS handshake.
    package var connectTimeout = Duration.seconds(5)
    /// From the start to the last byte of the response, connecting included.
    package var timeout = Duration.seconds(15)
    /// `host:port` to dial instead; `Host`, SNI and the certificate's name stay those of the URL.
    package var dial: String?
    /// Uses `HTTPS_PROXY` and `HTTP_PROXY`, as libcurl reads them, but not for hosts in `NO_PROXY`, nor with `dial`. To be false for addresses of the
    /// machine itself.
    package var mayUseProxy = true
    /// Asks for the server's certificate in the response.
    package var wantsCertificate = false

    /// The other properties have the defaults above.
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

/// A response of any status. Redirects are never followed, and are responses like others.
package struct HTTPClientResponse: Sendable {
    /// Bytes of a body. The largest response asked for, a page of 1,000 repositories, has about 600 KB.
    package static let maxBody = 1 << 20
    /// Bytes of a head. AWS sends 1 to 2 KB.
    static let maxHead = 64 << 10

    /// 100...599.
    package var status: Int
    /// Names in lower case, in the order received.
    package var fields: [(name: String, value: String)]
    /// Whole, at most `maxBody` bytes.
    package var body: [UInt8]
    /// The address connected to, or the proxy's: `127.0.0.1:4566`.
    package var address: String
    /// For a request with `wantsCertificate`: `CN = x, issued by CN = y, until Jan  1 00:00:00 2027 GMT`.
    package var certificate: String?

    /// Without a certificate.
    package init(status: Int, fields: [(name: String, value: String)], body: [UInt8], address: String) {
        self.status = status
        self.fields = fields
        self.body = body
        self.address = address
    }

    /// The first value of a field; the name in lower case. nil: absent.
    package subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// The server's clock by its `Date`, in seconds since 1970; nil without a valid one.
    package var date: Int? {
        guard let text = self["date"] else { return nil }
        let seconds = curl_getdate(text, nil)
        return seconds >= 0 ? seconds : nil
    }
}

/// Why a request got no response. Holds no query, field or body, so it may be logged.
package struct HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where it failed.
    package enum Kind: String, Sendable {
        case resolve, connect, tls, timeout, tooLarge, cancelled, other
    }

    /// Where the request failed.
    package var kind: Kind
    /// `HTTPClientRequest.name`.
    package var call: String
    /// With the port where it is not the scheme's default.
    package var host: String
    /// libcurl's message, or ours where it has none.
    package var detail: String

    /// For failures that libcurl does not know, and for tests.
    package init(kind: Kind, call: String, host: String, detail: String) {
        self.kind = kind
        self.call = call
        self.host = host
        self.detail = detail
    }

    /// `ecr:GetAuthorizationToken at api.ecr.eu-west-1.amazonaws.com: Could not resolve host`.
    package var description: String { "\(call) at \(host): \(detail)" }

    /// No byte of the request can have reached the server.
    package var saysNotSent: Bool {
        switch kind {
        case .resolve, .connect, .tls: true
        case .timeout, .tooLarge, .cancelled, .other: false
        }
    }

    /// Another attempt may succeed.
    package var isTransient: Bool {
        switch kind {
        case .resolve, .connect, .timeout, .other: true
        case .tls, .tooLarge, .cancelled: false
        }
    }
}

/// The certificate authorities that a request trusts.
package struct HTTPClientTrust: Sendable, Hashable {
    /// The system's store alone.
    package static let system = HTTPClientTrust()
    /// Bytes of a file. The system's whole bundle has about 220 KB.
    static let maxFile = 4 << 20

    /// Trusts the system's store. False with `AWS_CA_BUNDLE`, which replaces it in every SDK.
    package var includesSystem: Bool
    /// Paths of PEM files. Read again for each request, so a renewed one needs no restart.
    package var files: [String]
    /// Certificates in PEM that are trusted too.
    package var certificates: [UInt8]

    /// The system's store unless told otherwise.
    package init(includesSystem: Bool = true, files: [String] = [], certificates: [UInt8] = []) {
        (self.includesSystem, self.files, self.certificates) = (includesSystem, files, certificates)
    }
}
