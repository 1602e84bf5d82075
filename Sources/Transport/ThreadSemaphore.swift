import Glibc

/// A counting semaphore that blocks a thread of ours. Never waited for on a loop or Swift's pool.
@safe final class ThreadSemaphore: Sendable {
    // Proof: the pointer never changes, POSIX lets any threads call `sem_post` and `sem_wait` on
    // one semaphore at once, and it is destroyed when nobody has a reference to it any more.
    private nonisolated(unsafe) let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        let status = unsafe sem_init(semaphore, 0, 0)
        precondition(status == 0, "sem_init failed: errno \(errno)")
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func signal() {
        let status = unsafe sem_post(semaphore)
        precondition(status == 0, "sem_post failed: errno \(errno)")
    }

    func wait() {
        while unsafe sem_wait(semaphore) != 0 {
            precondition(errno == EINTR, "sem_wait failed: errno \(errno)")
        }
    }
}
