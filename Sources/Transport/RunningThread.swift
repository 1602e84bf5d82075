import Synchronization

/// A thread that is started at most once and joined at most once.
final class RunningThread: Sendable {
    private enum State {
        case idle
        case started(SystemThread)
    }

    private let state = Mutex(State.idle)

    func start(name: String, body: @escaping @Sendable () -> Void) throws(SystemError) {
        try state.withLock { state throws(SystemError) in
            guard case .idle = state else { preconditionFailure("\(name) was started before") }
            state = .started(try SystemThread(name: name, body: body))
        }
    }

    /// Waits for the thread's end; at once when it was never started.
    func join() {
        let state = state.withLock { $0 }
        switch state {
        case .idle: break
        case .started(let thread): thread.join()
        }
    }
}
