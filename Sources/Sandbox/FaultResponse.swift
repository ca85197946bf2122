/// The response of a `status` fault, in the service's own error format.
struct FaultResponse {
    let status: Int
    let service: Service

    func send(to exchange: Exchange) async throws {
        exchange.kind = "fault"
        let isThrottling = status == 429
        switch service {
        case .registry:
            let response =
                isThrottling
                ? RegistryErrorResponse.throttled
                : RegistryErrorResponse(status: status, code: status == 403 ? "DENIED" : "UNKNOWN", message: "Fault on demand")
            try await exchange.respond(
                status, type: "application/json; charset=utf-8",
                json: RegistryErrorResponse.Body(errors: [.init(code: response.code, message: response.message)]))
        case .api:
            // The API's throttling is a 400 (ECR 3).
            let response =
                isThrottling
                ? APIErrorResponse("ThrottlingException", "Rate exceeded")
                : APIErrorResponse("ServerException", "Server fault", status: status)
            try await exchange.respond(response.status, type: "application/x-amz-json-1.1", json: response.body)
        case .s3:
            let response =
                isThrottling || status == 503
                ? S3ErrorResponse(503, "SlowDown", "Please reduce your request rate.")
                : S3ErrorResponse(status, "InternalError", "We encountered an internal error. Please try again.")
            try await exchange.respond(response.status, fields: [("Content-Type", "application/xml")], body: response.body)
        case .metadata, .control:
            try await exchange.respond(status)
        }
    }
}
