import Registry
import TestSupport
import Testing

@testable import Cache

/// What registries have said of one content.
struct ConfirmationsTests {
    @Test func `a confirmation counts for its source and its time only`() {
        var confirmations = Confirmations()
        var change = confirmations.confirm(alpha, at: 1000, stale: 100)
        #expect(change == .added)
        #expect(
            confirmations.isConfirmed(by: alpha, at: 1099, stale: 100)
                && !confirmations.isConfirmed(by: alpha, at: 1100, stale: 100))
        #expect(!confirmations.isConfirmed(by: beta, at: 1000, stale: 100))
        for other in [
            ContentSource(upstream: alpha.upstream, registry: "2.dkr.ecr.eu-west-1.amazonaws.com", repository: alpha.repository),
            ContentSource(upstream: "other", registry: alpha.registry, repository: alpha.repository),
        ] { #expect(!confirmations.isConfirmed(by: other, at: 1000, stale: 100)) }
        // The clock was set back by hours, and is right again.
        #expect(
            !confirmations.isConfirmed(by: alpha, at: 500, stale: 100) && confirmations.isConfirmed(by: alpha, at: 1000, stale: 100)
        )
        change = confirmations.confirm(alpha, at: 1009, stale: 100)
        #expect(change == .nothing, "within a tenth")
        change = confirmations.confirm(alpha, at: 1010, stale: 100)
        #expect(change == .renewed && confirmations.all.count == 1)
        change = confirmations.confirm(alpha, at: 2000, stale: 100)
        #expect(change == .renewed, "it had expired")
        let forgotten = [confirmations.forget(alpha), confirmations.forget(alpha)]
        #expect(forgotten == [true, false] && confirmations.all.isEmpty)
    }

    @Test func `a source is asked again once in a tenth of stale`() {
        var confirmations = Confirmations()
        _ = confirmations.confirm(alpha, at: 1000, stale: 100)
        #expect(confirmations.worth(of: alpha, at: 1009, stale: 100) == .recent)
        #expect(confirmations.worth(of: alpha, at: 1010, stale: 100) == .old)
        var claims = [9, 10, 10, 19].map { confirmations.claimRenewal(by: alpha, at: 1000 + $0, stale: 100) }
        #expect(claims == [false, true, false, false])
        #expect(confirmations.worth(of: alpha, at: 1019, stale: 100) == .recent, "it is being asked, or did not say so")
        #expect(confirmations.worth(of: alpha, at: 1020, stale: 100) == .old)
        #expect(confirmations.worth(of: alpha, at: 1100, stale: 100) == .none, "being asked confirms nothing")
        claims = [1100, 1100].map { confirmations.claimRenewal(by: alpha, at: $0, stale: 100) }
        #expect(claims == [true, false], "also what has expired")
        // A moment in which the clock was wrong does not count.
        claims = [5000, 1120].map { confirmations.claimRenewal(by: alpha, at: $0, stale: 100) }
        #expect(claims == [true, true])
        #expect(
            confirmations.worth(of: alpha, at: 1005, stale: 5) == .none
                && confirmations.worth(of: alpha, at: 1004, stale: 5) == .old)
    }

    @Test(arguments: 1...10) func `sources are found as in a dictionary`(seed: UInt64) {
        var random = Seeded(seed)
        let sources = (0..<40).map { number in
            ContentSource(
                upstream: ["main", "other"][number % 2], registry: ["r", "s"][number / 2 % 2],
                repository: repository("team/\(number / 4)"))
        }
        var (confirmations, model) = (Confirmations(), [ContentSource: Int]())
        for now in 1000..<2000 {
            guard let source = sources.randomElement(using: &random) else { return }
            if Int.random(in: 0..<4, using: &random) == 0 {
                let forgotten = [confirmations.forget(source), model.removeValue(forKey: source) != nil]
                #expect(forgotten[0] == forgotten[1])
            } else {
                let isChanged = confirmations.confirm(source, at: now, stale: 200) != .nothing
                #expect(isChanged == model[source].map { now - $0 >= 20 } ?? true)
                if isChanged { model[source] = now }
            }
            #expect(confirmations.all.map(\.source) == model.keys.sorted())
            for source in sources {
                #expect(confirmations.isConfirmed(by: source, at: now, stale: 200) == model[source].map { now - $0 < 200 } ?? false)
            }
        }
    }

    @Test func `a base image of a thousand repositories is confirmed for each, and with more those go first that do not count`() {
        func source(_ number: Int) -> ContentSource {
            ContentSource(upstream: "main", registry: "r", repository: repository("team/r\(number)"))
        }
        var confirmations = Confirmations()
        for number in 0..<Confirmations.maxCount { _ = confirmations.confirm(source(number), at: 1000 + number, stale: 100_000) }
        #expect((0..<Confirmations.maxCount).allSatisfy { confirmations.isConfirmed(by: source($0), at: 3000, stale: 100_000) })
        let text = Sidecar(size: 1, mediaType: nil, confirmations: confirmations).text
        #expect(text.count < Sidecar.maxBytes && Sidecar(text)?.confirmations == confirmations)
        _ = confirmations.confirm(source(5000), at: 3000, stale: 100_000)
        #expect(
            confirmations.all.count == Confirmations.maxCount
                && confirmations.isConfirmed(by: source(5000), at: 3000, stale: 100_000))
        #expect(!confirmations.isConfirmed(by: source(0), at: 3000, stale: 100_000), "the oldest one goes")
        _ = confirmations.confirm(source(5001), at: 3000, stale: 1500)
        #expect(confirmations.all.count == 3000 - 1500 - 1000 + 25, "what has expired goes")
    }

    @Test func `confirmations of all contents together have a bound`() {
        var index = CacheIndex()
        var confirmations = Confirmations()
        for number in 0..<999 {
            confirmations.add(ContentSource(upstream: "main", registry: "r", repository: repository("r\(number)")), time: 1000)
        }
        let entry = CacheIndex.Entry(size: 1, isVerified: true, confirmations: confirmations, lastUse: 0, writtenUse: 0)
        for number in 0..<CacheIndex.maxWeight / 250 { index.insert(sha256(Array("\(number)".utf8)), entry) }
        #expect(index.free(0) == [] && index.weight == CacheIndex.maxWeight)
        index.update(sha256(Array("7".utf8))) { _ = $0.confirmations.confirm(alpha, at: 1000, stale: 100) }
        #expect(index.free(0) == [sha256(Array("0".utf8))], "what was not used for the longest time goes")
        #expect(index.weight == CacheIndex.maxWeight - 249)
    }

    @Test func `a content that is confirmed again and again is written down once a second`() {
        var pending = PendingWork()
        let digest = sha256([])
        pending.confirmed.insert(digest)
        let isScheduled = pending.schedule()
        #expect(!isScheduled)
        var work = pending.take(all: false)
        #expect(work.sidecars.isEmpty)
        work = pending.take(all: true)
        #expect(work.sidecars == [digest])
        work = pending.take(all: true)
        #expect(work.isEmpty)
    }
}
