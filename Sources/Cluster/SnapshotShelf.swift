import Environment
import Primitives
import Raft

// What a shell holds of snapshots, besides their files.
//
//   none ── a peer needs one ──▶ making ── written ──▶ made ── the log's base is beyond it ──▶ none
//                                  │                    └───── this member leads no more ───▶ none
//                                  └── not needed any more ──▶ none

/// The snapshot that is being made or offered, and the one that is being received. A value.
struct SnapshotShelf: Sendable {
    enum Making: Hashable, Sendable {
        case none
        /// Peers that wait for it, in the order in which they asked.
        case making(id: UInt64, peers: [MemberID])
        case made(SnapshotDescriptor)
    }

    var making = Making.none
    /// Counts what is received anew, so that the end of an older piece of work is told apart.
    var receptionNumber: UInt64 = 0
    /// While true the state belongs to the installation: nothing is applied, written back or
    /// compacted.
    var isInstalling = false
    /// Counts the states that were replaced as a whole: what was read of an older one is no news.
    var generation: UInt64 = 0
    /// The last index that came by a snapshot, and so is in the store already.
    var installedIndex: LogIndex = 0
    /// Reads that wait for the end of an installation.
    var waiters: [Resumption<Void>] = []
    private(set) var madeCount = 0
    private(set) var installedCount = 0

    private var random: SeededRandom

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// An id that no other snapshot of the cluster has, but by a chance of one in 2⁶⁴.
    mutating func nextID() -> UInt64 { random.next() }

    mutating func noteMade() { madeCount += 1 }
    mutating func noteInstalled() { installedCount += 1 }
}
