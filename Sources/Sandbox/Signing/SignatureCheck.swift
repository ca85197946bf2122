import Crypto

/// Checks `Authorization: AWS4-HMAC-SHA256 …` (ECR 5).
struct SignatureCheck {
    let region: String
    let service: String
    /// Seconds that the time may be off in either direction. Other services than ECR use 5 minutes (ECR 3).
    static let window = 15 * 60

    private static let scheme = "AWS4-HMAC-SHA256"

    func caller(of request: ReceivedRequest, body: [UInt8], keys: KeyRing, now: Int) throws(SignatureError) -> Caller {
        guard let authorization = request.value("authorization") else { throw .missing }
        let (scope, signed, signature, time) = try parse(authorization, of: request)
        guard let moment = Moment.parse(basic: time) else {
            throw .incomplete("Date must be in ISO-8601 'basic format'. Got '\(time)'. See http://en.wikipedia.org/wiki/ISO_8601")
        }
        try checkTime(moment, now: now)
        try check(scope, time: time)
        guard let known = keys[scope.accessKeyID] else { throw .unknownKey }
        let token = request.value("x-amz-security-token")
        guard token == known.session?.token.reveal else { throw .unknownKey }
        if let session = known.session, session.expiration <= now { throw .sessionExpired }
        try checkSigned(signed, of: request)
        let payload = Hexadecimal.string(of: SHA256.digest(of: body))
        if let claimed = request.value("x-amz-content-sha256"), claimed != payload { throw .mismatch }
        let canonical = request.canonical(signed: signed, payload: payload, isObjectStore: false)
        let expected = scope.signature(of: canonical, at: time, secret: known.secret)
        guard constantTimeEqual(Array(expected.utf8), Array(signature.utf8)) else { throw .mismatch }
        return known.caller
    }

    private func parse(
        _ authorization: String, of request: ReceivedRequest
    ) throws(SignatureError) -> (CredentialScope, signed: [String], signature: String, time: String) {
        guard authorization.hasPrefix(Self.scheme + " ") else {
            throw .incomplete(
                "Authorization header requires '\(Self.scheme)' as its algorithm. Authorization=\(authorization.prefix(16))…")
        }
        var parts: [String: String] = [:]
        for part in authorization.dropFirst(Self.scheme.count + 1).split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map { $0.drop { $0 == " " } }
            if pair.count == 2 { parts[String(pair[0])] = String(pair[1]) }
        }
        let time = request.value("x-amz-date")
        let missing =
            ["Credential", "Signature", "SignedHeaders"].filter { parts[$0] == nil }.map {
                "Authorization header requires '\($0)' parameter."
            }
            + (time == nil ? ["Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."] : [])
        guard missing.isEmpty, let credential = parts["Credential"], let signed = parts["SignedHeaders"],
            let signature = parts["Signature"],
            let time
        else { throw .incomplete(missing.joined(separator: " ")) }
        guard let scope = CredentialScope(credential) else {
            throw .incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '\(credential)'")
        }
        return (scope, signed.split(separator: ";").map(String.init), signature, time)
    }

    private func checkTime(_ moment: Int, now: Int) throws(SignatureError) {
        let (earliest, latest) = (now - Self.window, now + Self.window)
        if moment < earliest {
            throw .invalid(
                "Signature expired: \(Moment.basic(moment)) is now earlier than \(Moment.basic(earliest)) (\(Moment.basic(now)) - 15 min.)"
            )
        }
        if moment > latest {
            throw .invalid(
                "Signature not yet current: \(Moment.basic(moment)) is still later than \(Moment.basic(latest)) (\(Moment.basic(now)) + 15 min.)"
            )
        }
    }

    private func check(_ scope: CredentialScope, time: String) throws(SignatureError) {
        guard scope.region == region else { throw .invalid("Credential should be scoped to a valid region. ") }
        guard scope.service == service else { throw .invalid("Credential should be scoped to correct service: '\(service)'. ") }
        guard scope.day == time.prefix(8) else {
            throw .invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '\(scope.day)' != '\(time.prefix(8))', from '\(time)'."
            )
        }
    }

    /// `X-Amz-` fields must be signed, as unsigned ones may have been added on the way. Only the security token may be unsigned (ECR 5).
    private func checkSigned(_ signed: [String], of request: ReceivedRequest) throws(SignatureError) {
        let required =
            ["host"] + request.fields.map { $0.name.lowercased() }.filter { $0.hasPrefix("x-amz-") && $0 != "x-amz-security-token" }
        for name in required where !signed.contains(name) {
            throw .invalid("'\(name)' must be a 'SignedHeader' in the AWS Authorization.")
        }
    }
}
