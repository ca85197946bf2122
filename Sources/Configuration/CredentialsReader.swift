/// Reads an upstream's `credentials`.
struct CredentialsReader {
    let section: Section

    func read() -> Settings.Credentials {
        defer { section.finish() }
        var credentials = Settings.Credentials()
        credentials.source = section.choice(
            "source", default: Settings.Credentials.Source.automatic,
            "where AWS credentials are [searched for](#where-credentials-come-from)")
        credentials.profile = section.string(
            "profile", "a profile of the shared AWS files; if it is set, keys in the environment are not used",
            standard: "`AWS_PROFILE`, or `default`")
        if credentials.profile != nil, ![.automatic, .profile, .process, .webIdentity].contains(credentials.source) {
            section.problem("profile", "source \(section.quoted("source")) uses no profile; remove one of them")
        }
        credentials.assumeRole = section.section("assume_role", "a role to assume with these credentials").flatMap(assumedRole)
        return credentials
    }

    private func assumedRole(_ section: Section) -> AssumedRole? {
        defer { section.finish() }
        let example = "the role's ARN, like arn:aws:iam::123456789012:role/pull"
        let arn = section.required("arn", example, "the role's ARN")
        if let arn, !Self.isRoleARN(arn) {
            section.problem("arn", "\(section.quoted("arn")) is not the ARN of a role; write \(example)")
        }
        let externalID = section.string("external_id", "the external id that the role's trust policy asks for")
        let name = section.string("session_name", "how CloudTrail names the session", standard: "`berth`") ?? "berth"
        // The bounds are those of STS (ECR 4.3).
        if let externalID, !Self.isPlain(externalID, count: 2...1224, others: "_+=,.@:/-") {
            section.problem("external_id", "\(section.quoted("external_id")) is not 2 to 1224 letters, digits and _+=,.@:/-")
        }
        if !Self.isPlain(name, count: 2...64, others: "_+=,.@-") {
            section.problem("session_name", "\(section.quoted("session_name")) is not 2 to 64 letters, digits and _+=,.@-")
        }
        let duration = section.duration(
            "duration", default: .seconds(3600), in: .seconds(900) ... .seconds(43200), "how long one session lasts")
        return arn.map {
            AssumedRole(arn: $0, sessionName: name, externalID: externalID, seconds: Int(duration.components.seconds))
        }
    }

    private static func isRoleARN(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 && parts[0] == "arn" && parts[1].hasPrefix("aws") && parts[2] == "iam" && parts[4].utf8.count == 12
            && parts[4].utf8.allSatisfy { $0 &- 48 < 10 } && parts[5].hasPrefix("role/") && parts[5].utf8.count > 5
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    private static func isPlain(_ text: String, count: ClosedRange<Int>, others: String) -> Bool {
        count.contains(text.utf8.count)
            && text.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || others.utf8.contains($0) }
    }
}
