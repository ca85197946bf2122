import Registry
import Testing

@testable import Cache

/// A start with a wrong clock, or with another `stale`: what is known counts again once that is mended.
struct ClockTests {
    private let directory = CacheDirectoryOnDisk()
    private let bytes = content(500, size: 1000)
    private var digest: Digest { sha256(bytes) }

    private func stop(_ store: CacheStore) async {
        store.stop()
        await store.settle()
    }

    private func isKnown(_ store: CacheStore) -> Bool {
        let isConfirmed = store.head(digest, from: alpha)?.isConfirmed == true
        #expect((store.digest(of: tag("v1"), in: alpha) != nil) == isConfirmed)
        return isConfirmed
    }

    /// What a start with this clock, and this `stale`, knows, and what it knows once the clock is right, and what the next start does.
    private func known(at error: Int, stale: Int = 3600) async -> [Bool] {
        let clock = TestClock()
        let first = await directory.start(clock: clock)
        #expect(await first.fill(bytes) == .whole)
        first.setTag(tag("v1"), in: alpha, to: digest)
        await stop(first)
        clock.advance(error)
        let second = await directory.start(stale: stale, clock: clock)
        var known = [isKnown(second)]
        // The sidecar is written, and the log of tags.
        second.confirm(digest, for: beta)
        second.setTag(tag("other"), in: beta, to: digest)
        await second.settle()
        clock.advance(-error)
        second.change(size: 100 << 20, stale: 3600)
        known.append(isKnown(second))
        await stop(second)
        return known + [isKnown(await directory.start(clock: clock))]
    }

    @Test func `a clock that is behind`() async { #expect(await known(at: -100_000) == [false, true, true]) }
    @Test func `a clock that is ahead`() async { #expect(await known(at: 100_000) == [false, true, true]) }
    @Test func `a stale that was smaller for a while`() async { #expect(await known(at: 0, stale: 0) == [false, true, true]) }
}
