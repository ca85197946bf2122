import FoundationEssentials
import Transport

/// A service with AWS's JSON 1.1 protocol (ECR 2.1, 3).
struct JSONService: Sendable {
    let service: SignedService
    let credentials: CredentialKeeper
    /// The prefix of `X-Amz-Target`: `AmazonEC2ContainerRegistry_V20150921`.
    let target: String

    /// Makes a call and returns the body of the 200.
    func call(_ operation: String, _ input: some Encodable & Sendable) async throws(AWSError) -> [UInt8] {
        guard let body = try? JSONEncoder().encode(input) else { throw malformed(operation, "the request cannot be encoded") }
        let fields = [
            (name: "Content-Type", value: "application/x-amz-json-1.1"), (name: "X-Amz-Target", value: "\(target).\(operation)"),
        ]
        return try await service.call(operation, fields: fields, body: Array(body), as: credentials)
    }

    func malformed(_ operation: String, _ detail: String) -> AWSError {
        AWSError(operation: "\(service.name):\(operation)", host: service.endpoint.url.hostField, cause: .malformed(detail))
    }
}
