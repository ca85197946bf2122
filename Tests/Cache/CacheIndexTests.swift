import Registry
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// The index against models that are too slow to be wrong.
struct CacheIndexTests {
    @Test(arguments: 1...20) func `the order of use is that of a list`(seed: UInt64) {
        var random = Seeded(seed)
        var order = UseOrder<Int>()
        var places: [Int: Int] = [:]
        var model: [Int] = []
        for _ in 0..<2000 {
            let key = Int.random(in: 0..<40, using: &random)
            let isUsed = Int.random(in: 0..<3, using: &random) > 0
            model.removeAll { $0 == key }
            if isUsed { model.append(key) }
            if let place = places[key] {
                if isUsed { order.use(place) } else { order.remove(place) }
                if !isUsed { places[key] = nil }
            } else if isUsed {
                places[key] = order.add(key)
            }
            #expect(order.oldest == model.first && order.count == model.count)
        }
        #expect(order.oldest(100) == model && order.oldest(3) == Array(model.prefix(3)))
    }

    @Test func `the least recently used goes first, until cost and weight are within their bounds`() {
        var values = LRU<Int>()
        let digests = (0..<5).map { sha256([UInt8($0)]) }
        for number in 0..<3 { values.insert(digests[number], number, cost: 300) }
        let used = [values.use(digests[0]), values.use(digests[4])]
        #expect(used == [0, nil])
        values.insert(digests[3], 3, cost: 300)
        var removed = values.evict(toCost: 1000)
        #expect(removed == [digests[1]] && values.cost == 900 && values.oldest(9) == [2, 0, 3].map { digests[$0] })
        let cost: Int? = values.update(digests[2]) { item in
            item.cost = 700
            return item.cost
        }
        #expect(cost == 700 && values.cost == 1300)
        removed = values.evict(toCost: .max, weight: 2)
        #expect(removed == [digests[2]] && values.cost == 600 && values.count == 2)
        values.insert(digests[0], 5, cost: 1001)
        #expect(values.cost == 1301 && values[digests[0]] == 5)
        removed = values.evict(toCost: 1000)
        #expect(removed == [digests[3], digests[0]] && values.cost == 0, "what exceeds the bound by itself goes too")
    }

    /// Entries in the order of their use, the oldest one first.
    private struct Model {
        var entries: [(digest: Digest, size: Int, lastUse: Int)] = []
        var reserved = 0
        var held: Int { entries.reduce(0) { $0 + CacheIndex.cost($1.size) } }

        mutating func use(_ digest: Digest, at now: Int) -> Int? {
            guard let place = entries.firstIndex(where: { $0.digest == digest }) else { return nil }
            var entry = entries.remove(at: place)
            entry.lastUse = now
            entries.append(entry)
            return entry.size
        }

        mutating func evict(while isTooMuch: (Model) -> Bool) -> [Digest] {
            var removed: [Digest] = []
            while !entries.isEmpty, isTooMuch(self) { removed.append(entries.removeFirst().digest) }
            return removed
        }
    }

    @Test(arguments: 1...20) func `what is held, used and evicted is as in a model`(seed: UInt64) {
        var random = Seeded(seed)
        let digests = (0..<30).map { sha256([UInt8($0)]) }
        let capacity = 400_000
        var (index, model) = (CacheIndex(), Model())
        for now in 0..<1500 {
            guard let digest = digests.randomElement(using: &random) else { return }
            let size = Int.random(in: 0..<60_000, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0, 1:
                guard model.reserved + CacheIndex.cost(size) <= capacity else { continue }
                let removed = index.free(index.heldBytes + index.reservedBytes + CacheIndex.cost(size) - capacity)
                let expected = model.evict { $0.held + $0.reserved + CacheIndex.cost(size) > capacity }
                #expect(removed == expected)
                index.insert(digest, .init(size: size, isVerified: true, lastUse: now, writtenUse: now))
                model.entries.removeAll { $0.digest == digest }
                model.entries.append((digest, size, now))
            case 2, 3:
                let sizes = [index.use(digest, at: now)?.size, model.use(digest, at: now)]
                #expect(sizes[0] == sizes[1])
            case 4:
                let removed = index.remove(digest)
                #expect(removed?.size == model.entries.first { $0.digest == digest }?.size)
                model.entries.removeAll { $0.digest == digest }
            case 5:
                if model.reserved > 0, Bool.random(using: &random) {
                    index.release(model.reserved)
                    model.reserved = 0
                } else if model.held + model.reserved + size < capacity {
                    index.reserve(size)
                    model.reserved += size
                }
            default:
                let goal = model.held - size
                let removed = [index.free(size), model.evict { $0.held > goal }]
                #expect(removed[0] == removed[1])
            }
            #expect(index.heldBytes == model.held && index.reservedBytes == model.reserved && index.count == model.entries.count)
            #expect(index.heldBytes + index.reservedBytes <= capacity)
            #expect(index.oldest(100) == model.entries.map(\.digest))
            #expect(index.oldest(100).map { index[$0]?.lastUse } == model.entries.map(\.lastUse))
        }
    }

    @Test func `a sidecar is read as it was written, and a torn one is none`() {
        var confirmations = Confirmations()
        _ = confirmations.confirm(alpha, at: 1000, stale: 100)
        _ = confirmations.confirm(ContentSource(upstream: "ü x", registry: "r", repository: repository("a")), at: 2000, stale: 100)
        let sidecar = Sidecar(size: 12, mediaType: "application/vnd.oci.image.manifest.v1+json; a=b", confirmations: confirmations)
        let text = sidecar.text
        #expect(Sidecar(text) == sidecar)
        for length in 0..<text.count { #expect(Sidecar(Array(text.prefix(length))) == nil) }
        #expect(Sidecar(Array("size\t-1\nend\n".utf8)) == nil && Sidecar(Array("size\t1\nother\t1\nend\n".utf8)) == nil)
        let empty = Sidecar(size: 0, mediaType: nil, confirmations: Confirmations())
        #expect(Sidecar(empty.text) == empty)
        #expect(Sidecar.mediaType("a\r\nb: c") == nil && Sidecar.mediaType("") == nil && Sidecar.mediaType("é") == nil)
        // A name that would break the lines is not written down.
        let strange = ContentSource(upstream: "a\tb\nfrom", registry: "r", repository: repository("a"))
        #expect(strange.fields == nil)
    }

    @Test func `tags beyond the bound take the place of those that were not known to be right for the longest time`() {
        var tags = TagTable()
        let (one, two) = (sha256([1]), sha256([2]))
        for number in 0..<TagTable.maxCount {
            _ = tags.set(tag("t\(number)"), in: alpha, to: one, at: 1000 + number % 50, stale: 100)
        }
        var isSet = tags.set(tag("t0"), in: alpha, to: two, at: 1060, stale: 100)
        #expect(isSet && tags.count == TagTable.maxCount, "a known one is changed")
        isSet = tags.set(tag("more"), in: beta, to: one, at: 1060, stale: 100)
        #expect(isSet && tags.count == TagTable.maxCount * 9 / 10)
        #expect(tags[beta, tag("more")] != nil && tags[alpha, tag("t0")]?.digest == two && tags[alpha, tag("t49")] != nil)
        #expect(tags[alpha, tag("t50")] == nil && tags[alpha, tag("t1")] == nil)
        let forgotten = [tags.forget(two, in: alpha), tags.forget(two, in: beta)]
        #expect(forgotten == [[tag("t0")], []])
        // Those that a wrong clock has written are the first to go.
        tags = TagTable()
        for number in 0..<TagTable.maxCount {
            _ = tags.set(tag("t\(number)"), in: alpha, to: one, at: number < 10 ? 9000 : 1000, stale: 100)
        }
        _ = tags.set(tag("more"), in: beta, to: one, at: 1000, stale: 100)
        #expect((0..<10).allSatisfy { tags[alpha, tag("t\($0)")] == nil })
    }

    @Test func `a queue that is never empty keeps its order`() {
        var (queue, next) = (JobQueue(), 0)
        let last = Mutex(-1)
        for number in 0..<10_000 {
            for _ in 0..<(number < 100 ? 2 : 1) {
                queue.append { [next] in last.withLock { $0 = next } }
                next += 1
            }
            queue.popFirst()?()
            #expect(last.withLock { $0 } == number)
        }
        var left = 0
        while let job = queue.popFirst() {
            job()
            left += 1
        }
        #expect(left == 100 && last.withLock { $0 } == next - 1)
    }

    @Test func `more files than can be checked at a time are not found for now`() throws {
        let onDisk = CacheDirectoryOnDisk()
        var table = CacheTable(CacheSettings(directory: onDisk.cache, size: 1 << 30, stale: 3600))
        let directory = try #require(try onDisk.open())
        let found = (0...GrowingContents.maxCount).map { number in
            DirectoryScan.Content(
                digest: sha256(Array("\(number)".utf8)),
                sidecar: Sidecar(size: 1, mediaType: nil, confirmations: Confirmations()), lastUse: 1000)
        }
        var read = FoundDirectory(
            directory: directory, log: TagLog(in: directory), index: CacheIndex(found, at: 1000), tags: TagTable())
        table.begin(&read)
        table.state = .on
        for content in found.dropLast() { #expect(table.open(content.digest, from: alpha, at: 1000).toCheck != nil) }
        guard case .absent = table.open(found[GrowingContents.maxCount].digest, from: alpha, at: 1000).lookup,
            case .declined = table.claim(found[GrowingContents.maxCount].digest, for: alpha, confirms: true, at: 1000),
            case .unconfirmed = table.open(found[0].digest, from: alpha, at: 1000).lookup
        else { return #expect(Bool(false)) }
    }

    @Test func `more tags than the bound on disk: the latest up to it are kept, and those that became known since count more`() {
        let rows = (0...TagTable.maxCount).map {
            TagTable.Row(source: alpha, tag: tag("t\($0)"), known: .init(digest: sha256([1]), time: $0 == 99 ? 7 : 1000 + $0 % 50))
        }
        var tags = TagTable(rows)
        #expect(tags.count == TagTable.maxCount && tags[alpha, tag("t99")] == nil)
        var later = TagTable()
        _ = later.set(tag("t7"), in: alpha, to: sha256([2]), at: 1001, stale: 100)
        _ = later.set(tag("t7"), in: beta, to: sha256([3]), at: 1001, stale: 100)
        tags.merge(later)
        #expect(tags.count == TagTable.maxCount + 1 && tags[alpha, tag("t7")]?.digest == sha256([2]))
    }

    @Test func `figures that a disk may tell do not overflow`() {
        #expect(SystemFiles.bytes(.max, of: 4096) == 1 << 60 && SystemFiles.bytes(.max, of: 1) == 1 << 60)
        #expect(SystemFiles.bytes(1 << 51, of: 4096) == 1 << 60 && SystemFiles.bytes(1000, of: 4096) == 4_096_000)
        #expect(Sidecar(Array("size\t\(Int.max)\nend\n".utf8)) == nil)
        for time in [Int.min, -1, Int.max] {
            #expect(Sidecar(Array("size\t1\nfrom\t\(time)\tmain\tr\ta\nend\n".utf8)) == nil)
        }
        let sidecar = Sidecar(size: Sidecar.maxSize, mediaType: nil, confirmations: Confirmations())
        let found = (0..<3).map {
            DirectoryScan.Content(digest: sha256([$0]), sidecar: sidecar, lastUse: [.min, 0, .max][Int($0)])
        }
        var index = CacheIndex(found, at: 1000)
        #expect(found.map { index[$0.digest]?.writtenUse } == [0, 0, 1000] && index.heldBytes > 3 * Sidecar.maxSize)
        #expect(index.free(.max - index.heldBytes).count == 3)
    }

    @Test func `sidecars count as large as they are`() {
        var confirmations = Confirmations()
        for number in 0..<64 {
            confirmations.add(.init(upstream: "m", registry: "r", repository: repository("r\(number)")), time: 1000 + number)
        }
        let found = DirectoryScan.Content(
            digest: sha256([]), sidecar: Sidecar(size: 1, mediaType: nil, confirmations: confirmations), lastUse: 0)
        var index = CacheIndex([found], at: 1100)
        #expect(index.heldBytes == CacheIndex.cost(1) + 8 * 4096 && index.weight == 17)
        index.update(sha256([])) { entry in
            for number in 0..<48 { _ = entry.confirmations.forget(confirmations.all[number].source) }
        }
        #expect(index.heldBytes == CacheIndex.cost(1) + 2 * 4096 && index.weight == 5)
        index.remove(sha256([]))
        #expect(index.heldBytes == 0 && index.weight == 0)
    }

    @Test func `a fill that is abandoned while its file gets its name leaves no file`() {
        var table = CacheTable(CacheSettings(directory: "", size: 1 << 30, stale: 100))
        table.state = .on
        guard case .fill(let content) = table.claim(sha256([]), for: alpha, confirms: true, at: 0) else {
            return #expect(Bool(false))
        }
        table.growing.complete(content)
        guard let sidecar = table.sidecar(of: content, size: 0) else { return #expect(Bool(false)) }
        table.abandoned(content)
        table.commit(content, sidecar, at: 0)
        #expect(table.index.count == 0 && table.pending.doomed == [sha256([])])
    }

    @Test func `what was emptied counts until it has been removed`() {
        var table = CacheTable(CacheSettings(directory: "", size: 1 << 30, stale: 100))
        table.state = .on
        for number in 0..<3 as Range<UInt8> {
            guard case .fill(let content) = table.claim(sha256([number]), for: alpha, confirms: true, at: 0) else {
                return #expect(Bool(false))
            }
            table.commit(content, Sidecar(size: 1000, mediaType: nil, confirmations: Confirmations()), at: 0)
        }
        let former = table.empty()
        #expect(former.index.count == 3 && table.index.count == 0)
        #expect(table.pending.unremovedBytes == 3 * CacheIndex.cost(1000), "a fill that begins now waits for that")
        var work = table.pending.take(all: false)
        #expect(work.unheld.count == 3 && table.pending.unheld == [] && table.pending.unremovedBytes == 3 * CacheIndex.cost(1000))
        table.pending.end(work)
        work = table.pending.take(all: false)
        table.pending.end(nil)
        #expect(work.unheld.count == 3 && table.pending.unremovedBytes == 0)
    }
}
