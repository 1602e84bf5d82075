import Primitives
import Raft
import ScriptKit

/// A member of a scripted group: an instance, its disk, and what the shell would have to do.
struct ScriptedMember {
    /// What survives a crash.
    struct Disk {
        var hardState = HardState()
        var base = LogPosition(index: 0, term: 0)
        var configuration: Configuration
        var entries: [LogEntry] = []
        var appliedIndex: LogIndex = 0

        mutating func write(_ hardState: HardState?, _ new: [LogEntry]) {
            if let hardState { self.hardState = hardState }
            guard let first = new.first else { return }
            entries.removeAll { $0.index >= first.index }
            entries.append(contentsOf: new)
        }

        /// What the entry at `index` held is lost: the next start begins before it, and knows how
        /// far it went. The state on disk is one from before.
        mutating func damage(at index: LogIndex) {
            guard let last = entries.last, index > base.index, index <= last.index else { return }
            appliedIndex = min(appliedIndex, index - 1)
            hardState.recovery = RecoveryGoal(index: last.index, term: last.term)
                .joined(with: hardState.recovery)
            entries.removeAll { $0.index >= index }
        }
    }

    struct Write {
        let token: UInt64
        let hardState: HardState?
        let entries: [LogEntry]
    }

    struct Applied {
        let index: LogIndex
        let payload: String
    }

    var instance: Instance
    var disk: Disk
    /// Not yet on disk.
    var writes: [Write] = []
    var isUp = true
    /// Committed and not yet applied.
    var committed: LogIndex = 0
    /// What was applied, as the state machine of a script: the payloads.
    var applied: [Applied] = []
    var support = SupportTable()
    /// How far the member's clock is ahead of the script's.
    var clockAhead = Duration.zero
    /// Chunks to be read or stored once it is not busy any more.
    var chores: [Directive] = []
    var isBusy = false
    /// The snapshot that is to be put in place of the state and the log.
    var installing: UInt64?
    var starts: UInt64 = 1
}
