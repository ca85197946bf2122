import CCurl

/// Owns the libcurl easy handle of one request. Confined to the loop of its `CurlMulti`.
final class CurlTransfer {
    let handle: UnsafeMutableRawPointer
    private let request: HTTPClientRequest
    private var fieldLines: UnsafeMutablePointer<curl_slist>?
    private var connectTo: UnsafeMutablePointer<curl_slist>?
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var fields: [(name: String, value: String)] = []
    private var fieldsSize = 0
    private var body: [UInt8] = []
    /// The bound that the response exceeds.
    private var excess: String?

    init(_ request: HTTPClientRequest, trust: HTTPClientTrust, userAgent: String) throws(HTTPClientError) {
        guard let handle = curl_easy_init() else { fatalError("curl_easy_init failed") }  // fails only without memory
        self.handle = handle
        self.request = request
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try setRequest(userAgent: userAgent)
        setBounds()
        if request.url.scheme == .https { try setTrust(trust) }
        setReceivers()
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(fieldLines)
        curl_slist_free_all(connectTo)
        errorText.deallocate()
    }

    private func set(_ option: CURLoption, _ value: String?) { _ = berth_easy_string(handle, option, value) }
    private func set(_ option: CURLoption, _ value: Int) { _ = berth_easy_long(handle, option, value) }

    private func setRequest(userAgent: String) throws(HTTPClientError) {
        set(CURLOPT_URL, request.url.absoluteString)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_PATH_AS_IS, 1)  // the signature covers the path as it is
        set(CURLOPT_USERAGENT, userAgent)
        if let body = request.body {
            _ = berth_easy_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            _ = body.withUnsafeBytes {
                berth_easy_pointer(handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: $0.baseAddress))
            }
        } else if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
        }
        set(CURLOPT_CUSTOMREQUEST, request.method)
        // Neither a wait for 100-continue nor libcurl's form type: a name without a value removes libcurl's default.
        var lines = ["Expect:"]
        if !request.fields.contains(where: { $0.name.lowercased() == "content-type" }) { lines.append("Content-Type:") }
        for (name, value) in request.fields {
            guard !(name + value).utf8.contains(where: { $0 == 0x0D || $0 == 0x0A || $0 == 0 }) else {
                throw error(.other, "the field \(name.debugDescription) holds a line break")
            }
            lines.append(value.isEmpty ? "\(name);" : "\(name): \(value)")
        }
        for line in lines { fieldLines = curl_slist_append(fieldLines, line) }
        _ = berth_easy_list(handle, CURLOPT_HTTPHEADER, fieldLines)
        if let dial = request.dial {
            connectTo = curl_slist_append(nil, "::\(dial)")  // whatever host and port the URL names
            _ = berth_easy_list(handle, CURLOPT_CONNECT_TO, connectTo)
        }
        let isExcepted = ProxyExceptions.ofProcess.contains(request.url.host, port: UInt16(clamping: request.url.port))
        if !request.mayUseProxy || request.dial != nil || isExcepted { set(CURLOPT_PROXY, "") }
        set(CURLOPT_NOPROXY, "")  // libcurl's own reading of the variable ignores ports
        if request.wantsCertificate { set(CURLOPT_CERTINFO, 1) }
    }

    private func setBounds() {
        set(CURLOPT_NOSIGNAL, 1)  // otherwise libcurl raises SIGALRM around name lookups
        set(CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeout.wholeMilliseconds)
        set(CURLOPT_TIMEOUT_MS, request.timeout.wholeMilliseconds)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)  // a proxy's own response is not the service's
    }

    /// `CURLOPT_CAINFO` takes one file, which replaces the system's bundle. So all files go in as one blob there, and the system's certificates come
    /// from its hashed directory: OpenSSL looks in both.
    private func setTrust(_ trust: HTTPClientTrust) throws(HTTPClientError) {
        set(CURLOPT_CAPATH, trust.includesSystem ? "/etc/ssl/certs" : nil)
        guard !trust.files.isEmpty || !trust.certificates.isEmpty else {
            if !trust.includesSystem { throw error(.tls, "no trusted certificate: neither the system's nor a file's") }
            return
        }
        var certificates = trust.certificates + [UInt8(ascii: "\n")]
        for path in trust.files {
            guard let file = readFile(path, limit: HTTPClientTrust.maxFile) else {
                throw error(.tls, "the CA file \(path) cannot be read, or is over \(HTTPClientTrust.maxFile >> 20) MiB")
            }
            certificates += file + [UInt8(ascii: "\n")]
        }
        certificates.withUnsafeMutableBytes { bytes in
            var blob = curl_blob(data: bytes.baseAddress, len: bytes.count, flags: UInt32(CURL_BLOB_COPY))
            _ = withUnsafeMutablePointer(to: &blob) { berth_easy_pointer(handle, CURLOPT_CAINFO_BLOB, $0) }
        }
    }

    private func setReceivers() {
        let this = Unmanaged.passUnretained(self).toOpaque()
        _ = berth_easy_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
        _ = berth_easy_pointer(handle, CURLOPT_WRITEDATA, this)
        _ = berth_easy_data(handle, CURLOPT_WRITEFUNCTION) { bytes, _, count, this in
            CurlTransfer.from(this).receive(body: UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
        }
        _ = berth_easy_pointer(handle, CURLOPT_HEADERDATA, this)
        _ = berth_easy_data(handle, CURLOPT_HEADERFUNCTION) { bytes, _, count, this in
            CurlTransfer.from(this).receive(line: UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
        }
    }

    private static func from(_ this: UnsafeMutableRawPointer?) -> CurlTransfer {
        guard let this else { preconditionFailure("libcurl lost its argument") }
        return Unmanaged<CurlTransfer>.fromOpaque(this).takeUnretainedValue()
    }

    /// False ends the transfer.
    private func receive(body bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= HTTPClientResponse.maxBody else {
            excess = "the response's body is over \(HTTPClientResponse.maxBody >> 20) MiB"
            return false
        }
        body += bytes
        return true
    }

    private func receive(line bytes: UnsafeRawBufferPointer) -> Bool {
        fieldsSize += bytes.count
        guard fieldsSize <= HTTPClientResponse.maxHead else {
            excess = "the response's head is over \(HTTPClientResponse.maxHead >> 10) KiB"
            return false
        }
        // A status line begins a new head: the fields before it belonged to a 1xx response.
        if bytes.starts(with: "HTTP/".utf8) {
            fields = []
        } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
            let value = bytes[(colon + 1)...].split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
            let words = value.map { String(decoding: $0, as: UTF8.self) }
            fields.append((String(decoding: bytes[..<colon], as: UTF8.self).lowercased(), words.joined(separator: " ")))
        }
        return true
    }

    func outcome(_ code: CURLcode) -> Result<HTTPClientResponse, HTTPClientError> {
        if let excess { return .failure(error(.tooLarge, excess)) }
        guard code == CURLE_OK else {
            let text = String(cString: errorText)
            return .failure(error(Self.kind(of: code), text.isEmpty ? String(cString: curl_easy_strerror(code)) : text))
        }
        var status = 0, port = 0
        var address: UnsafeMutablePointer<CChar>?
        _ = berth_easy_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        _ = berth_easy_get_long(handle, CURLINFO_PRIMARY_PORT, &port)
        _ = berth_easy_get_string(handle, CURLINFO_PRIMARY_IP, &address)
        let host = address.map { String(cString: $0) } ?? ""
        var response = HTTPClientResponse(
            status: status, fields: fields, body: body, address: host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
        if request.wantsCertificate { response.certificate = certificate }
        return .success(response)
    }

    /// The server's own certificate, as OpenSSL describes it.
    private var certificate: String? {
        var pointer: UnsafeMutableRawPointer?
        _ = berth_easy_get_pointer(handle, CURLINFO_CERTINFO, &pointer)
        guard let chain = pointer?.assumingMemoryBound(to: curl_certinfo.self).pointee, chain.num_of_certs > 0 else { return nil }
        var values: [String: String] = [:]
        var entry = chain.certinfo[0]
        while let line = entry {
            let text = String(cString: line.pointee.data)
            if let colon = text.firstIndex(of: ":") { values[String(text[..<colon])] = String(text[text.index(after: colon)...]) }
            entry = line.pointee.next
        }
        guard let subject = values["Subject"], let issuer = values["Issuer"], let end = values["Expire date"] else { return nil }
        return "\(subject), issued by \(issuer), until \(end)"
    }

    func error(_ kind: HTTPClientError.Kind, _ detail: String) -> HTTPClientError {
        HTTPClientError(kind: kind, call: request.name, host: request.url.hostField, detail: detail)
    }

    private static func kind(of code: CURLcode) -> HTTPClientError.Kind {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .resolve
        case CURLE_COULDNT_CONNECT: .connect
        case CURLE_OPERATION_TIMEDOUT: .timeout
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS:
            .tls
        default: .other
        }
    }
}

extension Duration {
    /// At least one: libcurl takes zero for no bound.
    fileprivate var wholeMilliseconds: Int { max(1, Int(self / .milliseconds(1))) }
}
