import Dispatch
import Synchronization

/// Runs `body` on other threads, and lets this one wait for it. Not for a thread of Swift's pool.
func waitFor<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
    let done = DispatchSemaphore(value: 0)
    let result = Mutex<Value?>(nil)
    Task {
        let value = await body()
        result.withLock { $0 = value }
        done.signal()
    }
    done.wait()
    guard let value = result.withLock({ $0 }) else { preconditionFailure("nothing came of it") }
    return value
}
