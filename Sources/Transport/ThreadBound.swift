import Glibc
import Synchronization

/// Which thread something belongs to: none before that thread has started and after it has ended.
final class ThreadIdentity: Sendable {
    private let owner = Atomic<UInt>(0)

    /// Whether the caller runs on the owning thread. A thread always sees its own store, and no
    /// other ever stores the caller's number, so no ordering is needed.
    var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// The calling thread becomes the owner.
    func claim() {
        let (claimed, previous) = owner.compareExchange(
            expected: 0, desired: UInt(pthread_self()), ordering: .relaxed)
        precondition(claimed, "the thread \(previous) owns this already")
    }

    /// The owner lets go, as its last act: the system may give its number to another thread.
    func relinquish() {
        precondition(isCurrent, "only the owning thread lets go")
        owner.store(0, ordering: .relaxed)
    }
}

/// An object that only one thread touches, in a wrapping that every thread may hold.
///
/// Behind it the objects of a loop are ordinary classes that are not `Sendable`, so that the
/// compiler keeps them on their thread.
// Proof of the unchecked conformance: the object is reached through `object` only, which stops
// the process on any thread but the owner. Other threads can copy and drop the reference,
// which Swift counts atomically, and the last drop runs a deinit that frees what nobody else
// refers to any more: libuv refers to an open handle's object until it is closed.
struct ThreadBound<Object: AnyObject>: @unchecked Sendable {
    private let bound: Object
    private let thread: ThreadIdentity

    init(_ object: Object, to thread: ThreadIdentity) {
        bound = object
        self.thread = thread
    }

    /// The object. On its thread only.
    var object: Object {
        precondition(thread.isCurrent, "\(Object.self) was called from outside its loop")
        return bound
    }
}
