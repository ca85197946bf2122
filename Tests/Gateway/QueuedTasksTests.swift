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
        #expect(spawned.count == 2 && done.isEmpty)
        await tasks.run(spawned[0])
        #expect(done == [0] + Array(2..<1002), "those that waited go on in its place")
        for number in spawned.dropFirst() { await tasks.run(number) }
        #expect(done.count == 1002)
        queue.start { _ in done.append(-1) }
        await tasks.run(spawned[2])
        #expect(spawned.count == 3 && done.last == -1)
        for _ in 0..<3 { queue.start { _ in done.append(-2) } }
        tasks.abandon()
        await tasks.run(spawned[3])
        #expect(done.count == 1004, "none begins when the gateway stops")
        queue.start { _ in done.append(-3) }
        #expect(spawned.count == 5)
    }
}
