import Environment
import Journal
public import Primitives
import Raft
import StateStore

// From memory to the store, and from there on without the log.

extension ShardHost {
    /// What changed since the last call, with the index that it is the state of; nil when nothing
    /// was applied since. `written` or `notWritten` follows.
    func takeBatch(after written: LogIndex) -> TakenChanges? {
        // A snapshot brings the store itself to where it was taken.
        guard !snapshots.isInstalling else { return nil }
        isChangeNoted = false
        guard appliedIndex > max(written, snapshots.installedIndex) else {
            table.trim()
            return nil
        }
        let configuration = raft.configuration(at: appliedIndex)
        let isNew = configuration != storedConfiguration
        configurationBeingStored = configuration
        let encoded = isNew ? configuration.encoded : nil
        let (group, index, term, rows) = (group, appliedIndex, appliedTerm, table.takeDirty())
        return TakenChanges(group: group, appliedIndex: index) {
            StateBatch(
                group: group, appliedIndex: index, appliedTerm: term, configuration: encoded,
                rows: rows())
        }
    }

    /// Something was applied: whoever writes it is told, once until it takes it.
    func noteChange() {
        guard !isChangeNoted, let changeObserver else { return }
        isChangeNoted = true
        changeObserver()
    }

    func written() {
        table.written()
        if let configuration = configurationBeingStored { storedConfiguration = configuration }
        configurationBeingStored = nil
        applyCommitted()
        perform()
    }

    /// What was taken is not in the store, which has no room: it is taken again.
    func notWritten() {
        table.notWritten()
        configurationBeingStored = nil
        noteChange()
    }

    func expired() -> [(kind: AggregateKind, createdBefore: Int64)] {
        table.expired()
    }

    /// How many entries the log lets go of at a time, at least: to free them takes about a tenth of
    /// a millisecond, and there may be as many as were committed between two checkpoints.
    private static let letGoCountMin: LogIndex = 1_024
    /// From one portion to the next. Posted, all of them would run in one turn.
    private static let letGoPause = Duration.milliseconds(4)
    /// In how many portions very many go, so that it takes three of the ten seconds between two
    /// checkpoints: all members do it at the same time, and commits wait for the slowest but few.
    private static let letGoPortionCount: LogIndex = 750

    /// The state through `index` is in the store and synced: the log lets go of what nobody needs
    /// of it, and then the journal is told.
    func letGo(through index: LogIndex) {
        let count = index < raft.firstIndex ? 0 : index + 1 - raft.firstIndex
        letGo(
            through: index, by: max(Self.letGoCountMin, count / Self.letGoPortionCount))
    }

    private func letGo(through index: LogIndex, by portion: LogIndex) {
        // The mark of a snapshot that is being installed goes further.
        guard !snapshots.isInstalling else { return }
        let step = min(index, raft.firstIndex - 1 + portion)
        let base = raft.compact(through: step, node.moment())
        if base.index == step, step < index {
            loop.schedule(after: Self.letGoPause) { [self] in
                onLoop { $0.letGo(through: index, by: portion) }
            }
            return
        }
        guard base.index > compactedIndex else { return }
        compactedIndex = base.index
        journal.compact(group, upTo: base.index, term: base.term)
        dropUselessSnapshot()
    }

    /// The state's place in the log.
    public var applied: LogIndex { appliedIndex }
}
