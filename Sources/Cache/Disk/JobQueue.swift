/// First in, first out.
struct JobQueue: Sendable {
    private var jobs: [@Sendable () -> Void] = []
    private var first = 0

    var isEmpty: Bool { first == jobs.count }

    mutating func append(_ job: @escaping @Sendable () -> Void) { jobs.append(job) }

    mutating func popFirst() -> (@Sendable () -> Void)? {
        guard first < jobs.count else { return nil }
        let job = jobs[first]
        // What the job holds is freed with it.
        jobs[first] = {}
        first += 1
        // Also a queue that is never empty must not grow.
        if first == jobs.count || first >= 1024 && 2 * first > jobs.count {
            jobs.removeFirst(first)
            first = 0
        }
        return job
    }
}
