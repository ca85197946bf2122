import Registry
import Testing

@testable import Gateway

struct PressureTests {
    private static let second = 1_000_000_000

    /// Requests that come every 10 ms and wait for so long.
    private static func pressure(_ wait: Duration, seconds: Int) -> (Pressure, now: Int) {
        var pressure = Pressure(), now = 0
        while now < seconds * second {
            now += second / 100
            pressure.waited(wait, at: now)
        }
        return (pressure, now)
    }

    private static func shed(_ pressure: Pressure, at now: Int) -> Set<RegistryOperation> {
        var pressure = pressure
        return Set(RegistryOperation.allCases.filter { pressure.sheds($0, at: now) })
    }

    @Test func `without pressure nothing is sent away`() {
        let (pressure, now) = Self.pressure(Pressure.maxForBlobs / 2, seconds: 5)
        #expect(Self.shed(pressure, at: now).isEmpty && Self.shed(Pressure(), at: 0).isEmpty)
    }

    @Test func `under pressure no transfer of a blob begins, and what has begun goes on`() {
        let (pressure, now) = Self.pressure(Pressure.maxForBlobs + .nanoseconds(1), seconds: 2)
        #expect(Self.shed(pressure, at: now) == [.blobGet, .uploadStart])
    }

    @Test func `under great pressure only small reads are served`() {
        let (pressure, now) = Self.pressure(Pressure.maxForAll + .nanoseconds(1), seconds: 2)
        let served = Set(RegistryOperation.allCases).subtracting(Self.shed(pressure, at: now))
        #expect(served == [.ping, .manifestGet, .manifestHead, .blobHead])
    }

    @Test func `one long round is not pressure`() {
        var (pressure, now) = Self.pressure(.zero, seconds: 2)
        pressure.waited(.seconds(10), at: now)
        for _ in 0..<200 {
            now += Self.second / 100
            pressure.waited(.zero, at: now)
            #expect(Self.shed(pressure, at: now).isEmpty)
        }
    }

    @Test func `the pressure ends with its cause, also when nothing comes any more`() {
        var (pressure, now) = Self.pressure(Pressure.maxForAll + .nanoseconds(1), seconds: 2)
        #expect(Self.shed(pressure, at: now + 3 * Pressure.window).isEmpty)
        for _ in 0..<110 {
            now += Self.second / 100
            pressure.waited(.zero, at: now)
        }
        #expect(Self.shed(pressure, at: now).isEmpty)
    }

    @Test func `at most two hundred requests a second are measured`() {
        var pressure = Pressure()
        let measured = (0..<Self.second / 100_000).count { pressure.isDue(at: $0 * 100_000) }
        #expect((190...201).contains(measured))
    }
}
