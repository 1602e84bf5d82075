import CLibUV
import Glibc
import Synchronization

/// Something for the loop to run.
enum LoopWork: Sendable {
    case job(UnownedJob)
    case action(@Sendable () -> Void)
}

/// What other threads hand to a loop, and how they wake it.
@safe final class LoopInbox: Sendable {
    private struct State {
        var work: [LoopWork] = []
        var isStopRequested = false
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Threads between having added to the inbox and having woken the loop.
    private let wakers = Atomic<Int>(0)
    // Proof: the pointer itself never changes, `uv_async_send` may be called from any thread, and
    // `close` returns only when no thread is inside that call and none will enter it again, which
    // is before the owner closes and frees the handle.
    private nonisolated(unsafe) let async: UnsafeMutablePointer<uv_async_t>

    /// The handle must stay open until `close` has returned.
    init(waking async: UnsafeMutablePointer<uv_async_t>) {
        unsafe self.async = unsafe async
    }

    /// Adds work and, when the inbox was empty, wakes the loop. From any thread.
    ///
    /// After `close`, the work is dropped: nobody is there to run it.
    func add(_ work: LoopWork) {
        let mustWake = state.withLock { state in
            guard !state.isClosed else { return false }
            state.work.append(work)
            guard state.work.count == 1 else { return false }
            wakers.add(1, ordering: .relaxed)
            return true
        }
        if mustWake { wake() }
    }

    /// Asks the loop to end. From any thread.
    func requestStop() {
        let mustWake = state.withLock { state in
            state.isStopRequested = true
            guard !state.isClosed else { return false }
            wakers.add(1, ordering: .relaxed)
            return true
        }
        if mustWake { wake() }
    }

    /// Takes what came in, in its order. Loop only.
    func take() -> (work: [LoopWork], isStopRequested: Bool) {
        state.withLock { state in
            guard !state.work.isEmpty else { return ([], state.isStopRequested) }
            var work: [LoopWork] = []
            swap(&work, &state.work)
            return (work, state.isStopRequested)
        }
    }

    /// Takes nothing more, drops what is there, and waits until no thread uses the handle.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.work = []
        }
        // A waker is one system call away from being done.
        while wakers.load(ordering: .acquiring) != 0 { sched_yield() }
    }

    private func wake() {
        let status = unsafe uv_async_send(async)
        wakers.subtract(1, ordering: .releasing)
        precondition(status == 0, "uv_async_send failed: \(describe(status: status))")
    }
}
