import Primitives

/// What this node has promised to a peer.
enum Promise: Hashable, Sendable {
    /// Nothing; no epoch below `next` is supported any more. On disk, unless nothing ever was.
    case withdrawn(next: SupportEpoch)
    case recording(Recording)
    /// On disk. Kept at least until the instant.
    case supporting(epoch: SupportEpoch, durationNanoseconds: Int64, until: PromiseClock.Instant)
    /// The promise has run out, and the write that says so is on its way. It may be on disk
    /// already, so that the promise cannot be renewed, or not yet, so that it still binds.
    case withdrawing(epoch: SupportEpoch, token: UInt64)

    struct Recording: Hashable, Sendable {
        let epoch: SupportEpoch
        let durationNanoseconds: Int64
        /// The newest heartbeat to answer.
        var round: UInt64
        let token: UInt64
        /// What binds until this is on disk.
        let given: SupportEpoch?
    }

    /// The epoch that binds this node: what is on disk, or may be for all it knows.
    var given: SupportEpoch? {
        switch self {
        case .withdrawn: nil
        case .recording(let recording): recording.given
        case .supporting(let epoch, _, _): epoch
        case .withdrawing(let epoch, _): epoch
        }
    }

    /// What the next write says of it; nil for what the floor says already.
    func durable(above floor: SupportEpoch) -> (SupportEpoch, DurableLiveness.Promise)? {
        switch self {
        case .withdrawn(let next):
            next > max(floor, 1) ? (next, .withdrawn) : nil
        case .recording(let recording):
            (
                recording.epoch,
                .supporting(durationNanoseconds: recording.durationNanoseconds)
            )
        case .supporting(let epoch, let durationNanoseconds, _):
            (epoch, .supporting(durationNanoseconds: durationNanoseconds))
        case .withdrawing(let epoch, _):
            (epoch + 1, .withdrawn)
        }
    }
}

/// What a peer has promised to this node.
enum Support: Hashable, Sendable {
    case none
    case held(epoch: SupportEpoch, until: MonotonicInstant)
    /// The promise has run out; kept for the readers.
    case lapsed(epoch: SupportEpoch, until: MonotonicInstant)
}

/// All that a node knows of one peer.
struct Peer: Hashable, Sendable {
    enum Standing: Hashable, Sendable {
        case present
        /// No longer a peer: it is heard and asked no more, and kept for as long as it is promised
        /// something.
        case departing
    }

    let member: MemberID
    var standing: Standing
    var promise: Promise
    var support = Support.none
    var clock = PeerClock.unmeasured

    /// The row of the table that the readers see.
    var received: SupportTable.Received? {
        switch support {
        case .none: nil
        case .held(let epoch, let until), .lapsed(let epoch, let until):
            SupportTable.Received(epoch: epoch, until: until, isClockTrusted: clock.isTrusted)
        }
    }
}
