import Environment
import Primitives
import SQLiteDisk
import StateStore

/// A node's store on its machine's disk, and the VFS that it is opened by.
// Proof: a world and all its loops run on one thread.
final class SimulatedState: @unchecked Sendable {
    static let path = "/data/state.sqlite"

    let store: StateStore
    private(set) var isOpen = true
    /// Outlives the store's connections.
    private let sqlite: SQLiteDisk

    /// The store as a life of the node's process opens it.
    convenience init(of incarnation: Incarnation) throws {
        try self.init(
            incarnation.process, incarnation.files, random: incarnation.random)
    }

    /// The same by whoever looks after the machine, while the node is down.
    convenience init(onMachineOf process: SimulatedProcess) throws {
        try self.init(
            process, SimulatedFileSystem(machineOf: process),
            random: WorldRandom(seed: process.world.seed))
    }

    private init(
        _ process: SimulatedProcess, _ files: SimulatedFileSystem, random: any RandomSource
    ) throws {
        sqlite = try SQLiteDisk(files: files, random: random) {
            process.clock.wallTime(at: process.world.elapsedNanoseconds)
        }
        store = try StateStore.open(
            path: Self.path, on: .mounted(vfs: sqlite.name, files: files))
    }

    /// Closes the connections. Those of a process that is gone write nothing any more.
    func close() {
        guard isOpen else { return }
        isOpen = false
        try? store.close()
        precondition(sqlite.openFileCount == 0, "\(sqlite.openFileCount) files are open")
    }

    deinit { close() }
}

/// What a node's store has to show after any end of its process.
// Proof: a world and all its loops run on one thread.
final class StatePromises: @unchecked Sendable {
    /// The indexes that synced checkpoints cover; no loss of power goes behind them.
    private var synced: [GroupID: LogIndex] = [:]
    /// What was committed when the process was killed; nil where its machine lost power, too.
    private var committed: [AppliedState]?

    /// A checkpoint has completed.
    func checkpointed(_ covered: [GroupID: LogIndex]) {
        synced.merge(covered) { max($0, $1) }
    }

    /// The process is about to end.
    func willEnd(_ kind: CrashKind, with store: StateStore) {
        switch kind {
        case .kill: committed = try? store.appliedStates()
        case .powerLoss: committed = nil
        }
    }

    /// What is wrong with the store, which has just been opened; nil where nothing is.
    func violation(of store: StateStore) throws(StateStoreError) -> String? {
        let findings = try store.integrityCheck()
        guard findings.isEmpty else { return "SQLite finds its file damaged: \(findings)" }
        let stored = try store.appliedStates()
        for (group, index) in synced.sorted(by: { $0.key < $1.key }) {
            let found = stored.first { $0.group == group }?.index ?? 0
            guard found >= index else {
                return "\(group): a checkpoint covered \(index), the state is of \(found)"
            }
        }
        if let committed, committed != stored {
            return "killed with \(committed), come back with \(stored)"
        }
        committed = nil
        return nil
    }

    /// The same for where the journal begins: never behind what was synced.
    func violation(ofJournalFrom starts: [GroupID: LogIndex]) -> String? {
        for (group, start) in starts.sorted(by: { $0.key < $1.key }) {
            let index = synced[group] ?? 0
            guard start <= index else {
                return "\(group): the journal begins at \(start), and \(index) was synced"
            }
        }
        return nil
    }
}
