import Testing

@testable import Registry

struct RegistryOperationTests {
    /// Method, path, operation, and the actions of which any one is enough.
    static let table: [(method: String, path: String, operation: RegistryOperation, actions: ActionSet)] = [
        ("GET", "/v2/", .ping, []), ("HEAD", "/v2/", .ping, []),
        ("GET", "/v2/_catalog", .catalog, [.list]),
        ("GET", "/v2/a/tags/list", .tags, [.list, .pull]),
        ("GET", "/v2/a/manifests/1", .manifestGet, [.pull]), ("HEAD", "/v2/a/manifests/1", .manifestHead, [.pull]),
        ("PUT", "/v2/a/manifests/1", .manifestPut, [.push]), ("DELETE", "/v2/a/manifests/1", .manifestDelete, [.delete]),
        ("GET", "/v2/a/blobs/\(EndpointTests.sha256)", .blobGet, [.pull]),
        ("HEAD", "/v2/a/blobs/\(EndpointTests.sha256)", .blobHead, [.pull, .push]),
        ("DELETE", "/v2/a/blobs/\(EndpointTests.sha256)", .blobDelete, [.delete]),
        ("POST", "/v2/a/blobs/uploads/", .uploadStart, [.push]),
        ("PATCH", "/v2/a/blobs/uploads/u", .uploadChunk, [.push]), ("PUT", "/v2/a/blobs/uploads/u", .uploadFinish, [.push]),
        ("GET", "/v2/a/blobs/uploads/u", .uploadStatus, [.push]), ("DELETE", "/v2/a/blobs/uploads/u", .uploadCancel, [.push]),
        ("GET", "/v2/a/referrers/\(EndpointTests.sha256)", .referrers, [.pull]),
    ]

    @Test func `each endpoint has exactly the methods of the specification`() throws {
        for path in Set(Self.table.map(\.path)) {
            let endpoint = try Endpoint(path: Array(path.utf8))
            let expected = Self.table.filter { $0.path == path }.map { "\($0.method) \($0.operation)" }
            #expect(Set(RegistryOperation.all(of: endpoint).map { "\($0.method) \($0.operation)" }) == Set(expected))
            #expect(RegistryOperation.all(of: endpoint).count == expected.count)
        }
    }

    @Test func `each operation needs one of its actions, and only the ping needs none`() {
        for row in Self.table { #expect(row.operation.actions == row.actions) }
        #expect(Set(Self.table.map(\.operation)).union([.other]) == Set(RegistryOperation.allCases))
    }

    @Test func `each operation has an index of its own`() {
        #expect(RegistryOperation.allCases.map(\.index) == Array(RegistryOperation.allCases.indices))
    }

    @Test(arguments: RegistryOperation.allCases)
    func `an operation is described by an action that allows it`(operation: RegistryOperation) {
        switch operation {
        case .ping, .other: #expect(operation.phrase == "do this")
        default:
            #expect(
                Action.allCases.contains { operation.actions.contains(ActionSet($0)) && operation.phrase.hasPrefix($0.rawValue) })
        }
    }
}
