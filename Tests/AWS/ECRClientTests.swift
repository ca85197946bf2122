import Crypto
import Foundation
import Logging
import Synchronization
import Testing
import Transport

@testable import AWS

@Suite(.timeLimit(.minutes(1))) final class ECRClientTests {
    private let loop = EventLoop()
    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let slept = Slept()
    private final class Slept: Sendable {
        let delays = Mutex<[Duration]>([])
    }

    init() { loop.start(named: "ecr") }
    deinit { loop.stop() }

    private func client(_ url: HTTPClientURL, source: any CredentialSource = EnvironmentCredentials(environment: keys)) -> ECRClient
    {
        let slept = slept
        return ECRClient(
            service: JSONService(
                service: SignedService(
                    httpClient: HTTPClient(loop: loop), endpoint: ServiceEndpoint(url: url, region: "eu-west-1"), name: "ecr",
                    sleep: { delay in slept.delays.withLock { $0.append(delay) } }),
                credentials: CredentialKeeper(loop: loop, source: source, log: log),
                target: "AmazonEC2ContainerRegistry_V20150921"))
    }

    private static let keys = ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "shh", "AWS_SESSION_TOKEN": "tok"]
    private static let token =
        #"{"authorizationData":[{"authorizationToken":"QVdTOnB3","expiresAt":1.9E9,"proxyEndpoint":"https://1.dkr.ecr.eu-west-1.amazonaws.com"}]}"#

    /// Sends the responses in order, and the last one from then on.
    private func server(_ responses: [ScriptedServer.Response]) throws -> ScriptedServer {
        let left = Atomic(0)
        return try ScriptedServer { _ in responses[min(left.add(1, ordering: .relaxed).oldValue, responses.count - 1)] }
    }

    private static func problem(_ type: String, _ message: String = "m", status: Int = 400) -> ScriptedServer.Response {
        .json(#"{"__type":"\#(type)","message":"\#(message)"}"#, status: status)
    }

    @Test func `retries end when their budget is used up`() async throws {
        let server = try server([Self.problem("ServerException", status: 500)])
        let client = client(server.url)
        for _ in 0..<120 { _ = try? await client.authorizationToken() }
        // 120 calls, and 100 retries that take 5 of 500 each.
        #expect(server.requests.count == 220)
    }

    @Test func `a token is fetched with a signed call`() async throws {
        let server = try server([.json(Self.token)])
        let token = try await client(server.url).authorizationToken()
        #expect(token.authorizationToken.reveal == "QVdTOnB3")
        #expect(token.expiresAt == Date(timeIntervalSince1970: 1.9e9))
        let request = try #require(server.requests.first)
        #expect(request.method == "POST" && request.target == "/" && request.body == "{}")
        #expect(request.fields["content-type"] == "application/x-amz-json-1.1")
        #expect(request.fields["x-amz-target"] == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
        #expect(request.fields["x-amz-security-token"] == "tok")
        // The request was sent as it was signed: signing what was received, at its own time, gives the same signature.
        let sent = try #require(request.fields["x-amz-date"])
        let time = try Date("\(sent)", strategy: Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
        guard case .found(let credentials) = try await EnvironmentCredentials(environment: Self.keys).find() else { return }
        let fields = request.fields.filter { ["host", "content-type", "x-amz-target"].contains($0.key) }.map { ($0.key, $0.value) }
        let signed = SigV4(region: "eu-west-1", service: "ecr")
            .fields(signing: RequestToSign(method: "POST", fields: fields, body: Array("{}".utf8)), with: credentials, at: time)
        #expect(request.fields["authorization"] == signed.last?.value)
    }

    @Test(arguments: [
        ("AccessDeniedException", "AccessDeniedException"), ("com.amazonaws.ecr#ServerException", "ServerException"),
        ("com.amazonaws#X:http://internal.amazon.com/", "X"), ("Y:http://a#b", "Y"),
    ]) func `an error code is cut from its namespace`(_ type: String, _ code: String) { #expect(ServiceProblem.code(type) == code) }

    @Test(arguments: [
        (#"{"__type":"a#X","Message":"m"}"#, "X", "m"), (#"{"message":"m"}"#, "HTTP403", "m"), ("<html>no</html>", "HTTP403", ""),
        ("<ErrorResponse><Error><Code>AccessDenied</Code><Message>a\nb</Message></Error></ErrorResponse>", "AccessDenied", "a b"),
    ]) func `code and message are read from JSON and from XML`(_ body: String, _ code: String, _ message: String) {
        let problem = ServiceProblem(HTTPClientResponse(status: 403, fields: [], body: Array(body.utf8), address: ""))
        #expect(problem.code == code && problem.message == message)
    }

    @Test func `throttling and server errors are attempted three times in all`() async throws {
        let server = try server([
            Self.problem("ThrottlingException"), Self.problem("ServerException", status: 500), .json(Self.token),
        ])
        _ = try await client(server.url).authorizationToken()
        #expect(server.requests.count == 3)
        let delays = slept.delays.withLock { $0 }
        #expect(delays.count == 2 && delays[0] < .seconds(1) && delays[1] < .seconds(2))

        let busy = try self.server([Self.problem("ThrottlingException", "Rate exceeded")])
        let error = await #expect(throws: AWSError.self) { try await client(busy.url).authorizationToken() }
        #expect(busy.requests.count == 3)
        #expect(error?.isThrottling == true)
    }

    @Test(arguments: ["AccessDeniedException", "LimitExceededException", "InvalidParameterException"])
    func `permanent errors are not retried`(_ code: String) async throws {
        let server = try server([Self.problem(code, "User: arn:aws:iam::1:user/x is not authorized")])
        let error = await #expect(throws: AWSError.self) { try await client(server.url).authorizationToken() }
        #expect(error?.code == code)
        #expect(server.requests.count == 1)
        if code == "AccessDeniedException" {
            let text = try #require(error).description
            #expect(text.contains(#"allow ecr:GetAuthorizationToken on "*""#) && text.contains("AKID from environment"))
            #expect(!text.contains("shh") && !text.contains("tok"))
        }
    }

    private final class Rotating: CredentialSource {
        let name = "rotating"
        let searches = Atomic(0)
        func find() async throws(CredentialError) -> CredentialLookup {
            let number = searches.add(1, ordering: .relaxed).newValue
            return .found(Credentials(accessKeyID: "AK\(number)", secretAccessKey: Secret("shh"), source: "rotating"))
        }
    }

    @Test(arguments: ["ExpiredTokenException", "UnrecognizedClientException"])
    func `rejected credentials are searched for again once`(_ code: String) async throws {
        let server = try server([Self.problem(code), .json(Self.token)])
        _ = try await client(server.url, source: Rotating()).authorizationToken()
        #expect(server.requests.count == 2)
        #expect(server.requests.last?.fields["authorization"]?.contains("Credential=AK2/") == true)

        let firm = try self.server([Self.problem(code)])
        let error = await #expect(throws: AWSError.self) { try await client(firm.url, source: Rotating()).authorizationToken() }
        #expect(firm.requests.count == 2)
        #expect(error?.hint != nil)
    }

    @Test func `a wrong clock is corrected once, and named when that does not help`() async throws {
        let ahead = Date().addingTimeInterval(3600)
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        var rejection = Self.problem("InvalidSignatureException", "Signature expired")
        rejection.fields["Date"] = formatter.string(from: ahead)
        let server = try server([rejection, .json(Self.token)])
        let token = try await client(server.url).authorizationToken()
        let signedAt = try #require(server.requests.last?.fields["x-amz-date"])
        let time = try Date(signedAt, strategy: Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
        #expect(abs(time.timeIntervalSince(ahead)) < 30)
        // An expiry by AWS's clock is an hour earlier by this machine's.
        #expect(abs(try #require(token.expiresAt).timeIntervalSince1970 - (1.9e9 - 3600)) < 30)

        let firm = try self.server([rejection])
        let error = await #expect(throws: AWSError.self) { try await client(firm.url).authorizationToken() }
        #expect(firm.requests.count == 2)
        #expect(error?.hint?.contains("behind AWS's") == true)
    }

    @Test func `a wrong secret is told from a wrong clock`() async throws {
        let server = try server([Self.problem("InvalidSignatureException", "The request signature we calculated does not match")])
        let error = await #expect(throws: AWSError.self) { try await client(server.url).authorizationToken() }
        #expect(server.requests.count == 1)
        #expect(error?.hint?.contains("secret key does not belong") == true)
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"authorizationData":[]}"#, #"{"authorizationData":[{"authorizationToken":"a\r\nb"}]}"#,
        #"{"authorizationData":[{"authorizationToken":""}]}"#,
    ]) func `a response without a usable token is an error`(_ body: String) async throws {
        let server = try server([.json(body)])
        let error = await #expect(throws: AWSError.self) { try await client(server.url).authorizationToken() }
        #expect(error?.code == nil && error?.description.contains("cannot be read") == true)
    }

    @Test func `an expiry that is missing or has a fraction is read`() async throws {
        for (json, seconds) in [("1.7E9", 1.7e9), ("1700000000.25", 1_700_000_000.25), ("null", nil)] as [(String, Double?)] {
            let server = try server([.json(#"{"authorizationData":[{"authorizationToken":"QQ==","expiresAt":\#(json)}]}"#)])
            #expect(try await client(server.url).authorizationToken().expiresAt == seconds.map { Date(timeIntervalSince1970: $0) })
        }
    }

    @Test func `an unreachable service is retried, and named in the error`() async throws {
        let url = HTTPClientURL(scheme: .http, host: "127.0.0.1", port: 1)
        let error = await #expect(throws: AWSError.self) { try await client(url).authorizationToken() }
        #expect(slept.delays.withLock { $0.count } == 2)
        #expect(error?.description.contains("ecr:GetAuthorizationToken at 127.0.0.1:1: connect: ") == true)
        #expect(error?.mayHaveBeenDone == false)
    }

    @Test func `an error says whether the service may have done what it was asked for`() async throws {
        let denied = Self.problem("AccessDeniedException"), failed = Self.problem("ServerException", status: 500)
        for (responses, mayHaveBeenDone) in [
            ([denied], false), ([failed], true), ([failed, denied], true), ([.json("no JSON")], true),
        ] {
            let server = try server(responses), client = client(server.url)
            let error = await #expect(throws: AWSError.self) { try await client.deleteImage(.tag("v1"), in: "app") }
            #expect(error?.mayHaveBeenDone == mayHaveBeenDone)
        }
    }

    @Test func `a repository is created once with its policies, however many callers request it`() async throws {
        let server = try server([.json("{}")])
        let template = RepositoryTemplate(
            tagMutability: "IMMUTABLE", scanOnPush: true, kmsKey: "alias/ecr", tags: ["owner": "platform"], policy: "{}",
            lifecyclePolicy: #"{"rules":[]}"#)
        let creator = RepositoryCreator(loop: loop, client: client(server.url), template: template, log: log)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { try? await creator.create("team-a/app") } }
        }
        let operations = server.requests.map { $0.fields["x-amz-target"]?.split(separator: ".").last ?? "" }
        #expect(operations == ["CreateRepository", "SetRepositoryPolicy", "PutLifecyclePolicy"])
        let body = try JSONSerialization.jsonObject(with: Data(try #require(server.requests.first).body.utf8)) as? NSDictionary
        #expect(
            body == [
                "repositoryName": "team-a/app", "imageTagMutability": "IMMUTABLE",
                "imageScanningConfiguration": ["scanOnPush": true],
                "encryptionConfiguration": ["encryptionType": "KMS", "kmsKey": "alias/ecr"],
                "tags": [["Key": "owner", "Value": "platform"]],
            ])
    }

    @Test func `a repository that exists is no error and keeps its policies`() async throws {
        let server = try server([Self.problem("RepositoryAlreadyExistsException")])
        let creator = RepositoryCreator(
            loop: loop, client: client(server.url), template: RepositoryTemplate(policy: "{}"), log: log)
        try await creator.create("there")
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [
        ([:], "https://api.ecr.eu-west-1.amazonaws.com/"),
        (["AWS_ENDPOINT_URL": "http://localhost:4566"], "http://localhost:4566/"),
        (["AWS_ENDPOINT_URL": "http://localhost:4566", "AWS_ENDPOINT_URL_ECR": "https://ecr.test/x"], "https://ecr.test/x"),
        (
            ["AWS_ENDPOINT_URL": "http://localhost:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"],
            "https://api.ecr.eu-west-1.amazonaws.com/"
        ),
    ]) func `the endpoint comes from the environment as in the SDKs`(_ environment: [String: String], _ url: String) throws {
        let endpoint = try EndpointSettings(environment: environment).endpoint(of: "ECR", region: "eu-west-1") { _, _ in
            "api.ecr.eu-west-1.amazonaws.com"
        }
        #expect(endpoint.url.description == url)
    }
}
