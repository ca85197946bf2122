import Testing
import Transport

@testable import Gateway

struct QueuedTasksTests {
    @Test func `a few run at a time, the others after them, and what is too much not at all`() async {
        let tasks = OwnTasks(on: EventLoop())
        var (spawned, done): ([Int], [Int]) = ([], [])
        tasks.spawn = { spawned.append($0) }
        let queue = QueuedTasks(tasks)
        for number in 0..<1100 { queue.start { _ in done.append(number) } }
        #expect(spawned.count == 16 && done.isEmpty)
        await tasks.run(spawned[0])
        #expect(done == [0] + Array(16..<1016), "those that waited go on in its place")
        for number in spawned.dropFirst() { await tasks.run(number) }
        #expect(done.count == 1016)
        queue.start { _ in done.append(-1) }
        await tasks.run(spawned[16])
        #expect(spawned.count == 17 && done.last == -1)
        for _ in 0..<17 { queue.start { _ in done.append(-2) } }
        tasks.abandon()
        await tasks.run(spawned[17])
        #expect(done.count == 1018, "none begins when the gateway stops")
        queue.start { _ in done.append(-3) }
        #expect(spawned.count == 33)
    }
}
