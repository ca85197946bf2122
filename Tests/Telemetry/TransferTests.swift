import Testing

@testable import Telemetry

struct TransferTests {
    private static func figures(_ id: String, total: Int? = 100) -> TransferFigures {
        TransferFigures(
            id: id, user: "ci", client: "192.0.2.1", operation: "blob_get", repository: "a", upstream: "main", started: 1,
            total: total)
    }

    @Test func `a transfer is shown with its progress until it ends`() {
        let transfers = WorkerTransfers()
        let (one, two) = (transfers.begin(Self.figures("1")), transfers.begin(Self.figures("2", total: nil)))
        one.advance(to: 10)
        one.advance(to: 60)
        #expect(transfers.current.first { $0.id == "1" }?.bytes == 60)
        #expect(transfers.current.first { $0.id == "1" }?.total == 100)
        #expect(transfers.current.first { $0.id == "2" }?.bytes == 0)
        transfers.end(one)
        #expect(transfers.current.map(\.id) == ["2"])
        transfers.end(one)
        transfers.end(two)
        #expect(transfers.current.isEmpty)
    }
}
