/// First in, first out.
struct JobQueue: Sendable {
    private var jobs: [@Sendable () -> Void] = []
    private var first = 0

    mutating func append(_ job: @escaping @Sendable () -> Void) { jobs.append(job) }

    mutating func popFirst() -> (@Sendable () -> Void)? {
        guard first < jobs.count else { return nil }
        let job = jobs[first]
        // What the job holds is freed with it, not when the queue is empty.
        jobs[first] = {}
        first += 1
        if first == jobs.count {
            jobs.removeAll(keepingCapacity: jobs.count < 1024)
            first = 0
        }
        return job
    }
}
