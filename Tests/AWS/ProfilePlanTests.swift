import Configuration
import Crypto
import Foundation
import Testing

@testable import AWS

/// Plans read from the files, without credentials being fetched.
@Suite struct ProfilePlanTests {
    private static let config = """
        [profile chain]
        role_arn = arn:aws:iam::1:role/c
        source_profile = middle
        external_id = x
        duration_seconds = 900
        role_session_name = me
        [profile middle]
        role_arn = arn:aws:iam::1:role/m
        source_profile = keys
        [profile keys]
        aws_access_key_id = AKKEYS
        aws_secret_access_key = s
        [profile self]
        role_arn = arn:aws:iam::1:role/s
        source_profile = self
        aws_access_key_id = AKSELF
        aws_secret_access_key = s
        [profile machine]
        role_arn = arn:aws:iam::1:role/e
        credential_source = EcsContainer
        [profile web]
        role_arn = arn:aws:iam::1:role/w
        web_identity_token_file = /token
        [profile sso]
        sso_session = corp
        sso_account_id = 123456789012
        sso_role_name = Pull
        [profile old-sso]
        sso_start_url = https://x.awsapps.com/start
        sso_region = us-east-1
        sso_account_id = 1
        sso_role_name = Pull
        [sso-session corp]
        sso_region = eu-west-1
        [profile process]
        credential_process = /bin/cat "a b"
        aws_access_key_id = AKPROCESS
        aws_secret_access_key = s
        [profile empty]
        region = eu-west-1
        [profile round]
        role_arn = arn:aws:iam::1:role/r
        source_profile = round2
        [profile round2]
        role_arn = arn:aws:iam::1:role/r2
        source_profile = round
        [profile lost]
        role_arn = arn:aws:iam::1:role/l
        source_profile = nobody
        [profile hollow]
        role_arn = arn:aws:iam::1:role/l
        source_profile = empty
        [profile both]
        role_arn = arn:aws:iam::1:role/l
        source_profile = keys
        credential_source = Environment
        [profile neither]
        role_arn = arn:aws:iam::1:role/l
        [profile strange]
        role_arn = arn:aws:iam::1:role/l
        credential_source = Moon
        [profile mfa]
        role_arn = arn:aws:iam::1:role/l
        source_profile = keys
        mfa_serial = arn:aws:iam::1:mfa/me
        [profile long]
        role_arn = arn:aws:iam::1:role/l
        source_profile = keys
        duration_seconds = 60
        [profile token]
        web_identity_token_file = /token
        [profile selfless]
        role_arn = arn:aws:iam::1:role/l
        source_profile = selfless
        [profile no-session]
        sso_session = gone
        sso_account_id = 1
        sso_role_name = Pull
        [profile half-sso]
        sso_account_id = 1
        [services dev]
        ecr =
          endpoint_url = http://127.0.0.1:1
        sts =
          endpoint_url = http://127.0.0.1:2
        [profile dev]
        services = dev
        endpoint_url = http://127.0.0.1:3
        """

    private static func reader() throws -> ProfileReader {
        let files = try TemporaryFiles(["config": config, "credentials": "[process]\naws_session_token = late\n"])
        return ProfileReader(
            files: try SharedFiles(environment: [
                "AWS_CONFIG_FILE": files.path("config"), "AWS_SHARED_CREDENTIALS_FILE": files.path("credentials"),
            ]))
    }

    private static func role(_ letter: String) -> AssumedRole { AssumedRole(arn: "arn:aws:iam::1:role/\(letter)") }

    @Test func `plans are what the files say`() throws {
        let reader = try Self.reader()
        guard case .role(let outer, by: .role(let inner, by: .keys(let keys)))? = try reader.plan(of: "chain") else {
            Issue.record("no chain")
            return
        }
        #expect(outer == AssumedRole(arn: "arn:aws:iam::1:role/c", sessionName: "me", externalID: "x", seconds: 900))
        #expect(inner == Self.role("m") && keys.accessKeyID == "AKKEYS")
        guard case .role(Self.role("s"), by: .keys(let own))? = try reader.plan(of: "self") else {
            Issue.record("no self")
            return
        }
        #expect(own.accessKeyID == "AKSELF")
        #expect(try reader.plan(of: "machine") == .role(Self.role("e"), by: .machine(.EcsContainer)))
        #expect(try reader.plan(of: "web") == .webIdentity(Self.role("w"), tokenFile: "/token"))
        #expect(
            try reader.plan(of: "sso")
                == .singleSignOn(
                    .init(cacheName: "corp", region: "eu-west-1", account: "123456789012", role: "Pull", profile: "sso")))
        guard case .singleSignOn(let old)? = try reader.plan(of: "old-sso") else {
            Issue.record("no sso")
            return
        }
        #expect(old.cacheName == "https://x.awsapps.com/start" && old.region == "us-east-1")
        guard case .process(let command, let place)? = try reader.plan(of: "process") else {
            Issue.record("no process")
            return
        }
        #expect(command == #"/bin/cat "a b""# && place.hasSuffix("config:36"))
        #expect(try reader.plan(of: "empty") == nil)
        #expect(try reader.plan(of: "web", methods: .role) == nil && reader.plan(of: "chain", methods: .others) == nil)
    }

    @Test(arguments: [
        ("round", "leads in a circle: round -> round2 -> round"), ("lost", "source_profile 'nobody' is in neither"),
        ("hollow", "source_profile 'empty' has no credentials"), ("both", "are both set; keep one"),
        ("neither", "needs a source_profile or a credential_source"), ("strange", "write one of Environment, Ec2InstanceMetadata"),
        ("mfa", "Berth cannot enter a code"), ("long", "duration_seconds '60' is not 900 to 43200"),
        ("token", "needs a role_arn beside it"), ("selfless", "has no keys of its own"),
        ("no-session", "there is no [sso-session gone]"),
        ("half-sso", "lacks sso_role_name"),
    ]) func `mistakes in a profile are errors that name file and line`(_ profile: String, _ words: String) throws {
        let reader = try Self.reader()
        let error = #expect(throws: CredentialError.self) { try reader.plan(of: profile) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("config") == true)
    }

    @Test func `the endpoints of profiles are found`() throws {
        let files = try Self.reader().files
        #expect(files.endpoint(of: "ecr", profile: "dev")?.value == "http://127.0.0.1:1")
        #expect(files.endpoint(of: "sts", profile: "dev")?.value == "http://127.0.0.1:2")
        #expect(files.endpoint(of: "sso", profile: "dev")?.value == "http://127.0.0.1:3")
        #expect(files.endpoint(of: "ecr", profile: "keys") == nil)
    }

    @Test(arguments: [
        ("a b  c", ["a", "b", "c"]), (#"a "b c" 'd e'"#, ["a", "b c", "d e"]), (#"a\ b "x\"y\n" ''"#, ["a b", #"x"y\n"#, ""]),
        (#"/opt/x --role="arn:a b""#, ["/opt/x", "--role=arn:a b"]),
    ]) func `words are split as a shell does`(_ text: String, _ words: [String]) { #expect(ShellWords.split(text) == words) }

    @Test(arguments: ["\"open", "'open", "end\\"]) func `text with an open quote has no words`(_ text: String) {
        #expect(ShellWords.split(text) == nil)
    }
}
