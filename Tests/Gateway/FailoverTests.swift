import Registry
import Testing

@testable import Gateway

struct FailoverTests {
    @Test(arguments: [RegistryOperation.manifestGet, .manifestHead, .blobGet, .tags, .catalog, .referrers])
    func `reads may go to a replica, also those of users who push`(operation: RegistryOperation) {
        #expect(Failover.moves(operation, mayPush: true) && Failover.moves(operation, mayPush: false))
    }

    @Test(arguments: [RegistryOperation.manifestPut, .manifestDelete, .blobDelete, .uploadStart, .uploadChunk, .uploadFinish])
    func `writes never move`(operation: RegistryOperation) { #expect(!Failover.moves(operation, mayPush: true)) }

    @Test func `whether a layer need not be pushed is for the registry itself to say`() {
        #expect(!Failover.moves(.blobHead, mayPush: true) && Failover.moves(.blobHead, mayPush: false))
    }
}
