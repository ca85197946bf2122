/// Runs work on the threads of Swift's global pool: sorting tens of thousands of names takes longer than a loop's other connections should
/// wait.
func offLoop<Value: Sendable>(_ work: @Sendable @escaping () -> Value) async -> Value {
    await withTaskExecutorPreference(globalConcurrentExecutor) { await concurrently(work) }
}

/// Runs where the task prefers to be, and not where its caller is isolated.
@concurrent private func concurrently<Value: Sendable>(_ work: @Sendable () -> Value) async -> Value { work() }
