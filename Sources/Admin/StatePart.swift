/// A part of the gateway's state: the body of `GET /api/v1/NAME`, and an event of that name in `/api/v1/events`.
enum StatePart: String, CaseIterable {
    case status, traffic, transfers, errors, usage, certificates, configuration
}
