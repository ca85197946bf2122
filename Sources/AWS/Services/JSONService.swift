import Transport
import FoundationEssentials

/// A service that speaks AWS's JSON 1.1 (ECR 2.1, 3).
struct JSONService: Sendable {
    let service: SignedService
    let credentials: CredentialKeeper
    /// `AmazonEC2ContainerRegistry_V20150921`
    let target: String

    /// The body of a 200.
    func call(_ operation: String, _ input: some Encodable & Sendable) async throws(AWSError) -> [UInt8] {
        guard let body = try? JSONEncoder().encode(input) else { throw malformed(operation, "the request cannot be written") }
        let fields = [
            (name: "Content-Type", value: "application/x-amz-json-1.1"), (name: "X-Amz-Target", value: "\(target).\(operation)"),
        ]
        return try await service.call(operation, fields: fields, body: Array(body), as: credentials)
    }

    func malformed(_ operation: String, _ detail: String) -> AWSError {
        AWSError(operation: "\(service.name):\(operation)", host: service.endpoint.url.hostField, cause: .malformed(detail))
    }
}
