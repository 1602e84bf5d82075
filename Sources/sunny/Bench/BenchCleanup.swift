import Synchronization

/// What has to be undone when a bench ends, in order or by a signal.
final class BenchCleanup: Sendable {
    private let actions = Mutex<[@Sendable () -> Void]>([])

    func add(_ action: @escaping @Sendable () -> Void) {
        actions.withLock { $0.append(action) }
    }

    /// Newest first, each once.
    func run() {
        while let action = actions.withLock({ $0.popLast() }) { action() }
    }
}
