import Environment
import Primitives
import SQLiteDisk
import Simulator
import StateStore

/// A machine of a world, and a store on its disk in one life of its process after another. Each
/// entry of the log is a row of some size.
final class MachineStore {
    static let path = "/data/state.sqlite"
    static let group = GroupID(0)
    static let kind = AggregateKind(rawValue: 1)

    let process: SimulatedProcess
    private let world: World
    private(set) var disk: SQLiteDisk?
    private(set) var store: StateStore?

    init(_ world: World, _ name: String) {
        self.world = world
        process = world.addProcess(name)
        process.disk.prepareDirectory("/data")
    }

    /// Begins a life, and opens the store as it was left.
    func start() throws -> StateStore {
        if process.incarnation == nil, process.crashCount == 0 {
            process.start { _ in }
        } else {
            process.restart()
        }
        guard let life = process.incarnation else { throw MachineStoreError.isDown }
        let disk = try SQLiteDisk(files: life.files, random: life.random) {
            Timestamp(milliseconds: 1_700_000_000_000)
        }
        self.disk = disk
        let store = try StateStore.open(
            path: Self.path, on: .mounted(vfs: disk.name, files: life.files))
        self.store = store
        return store
    }

    /// Ends the life with everything that it has open.
    ///
    /// - Returns: how many files it left open.
    func end(_ kind: CrashKind) -> Int {
        process.crash(kind)
        try? store?.close()
        store = nil
        let count = disk?.openFileCount ?? 0
        disk = nil
        return count
    }

    static func batch(_ index: LogIndex, _ random: inout SeededRandom) -> StateBatch {
        let byteCount = Int.random(in: 10...9_000, using: &random)
        let row = AggregateRow(
            key: AggregateKey(group: group, kind: kind, id: "row \(index)"), owner: "owner",
            created: 1, version: index, isOpen: false,
            payload: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: byteCount))
        return StateBatch(group: group, appliedIndex: index, appliedTerm: 1, rows: [row])
    }

    /// What the store holds: the last entry; nil where it is not all entries up to one.
    static func read(_ store: StateStore) throws -> LogIndex? {
        let index = try store.appliedState(of: group)?.index ?? 0
        var count: LogIndex = 0
        var isWhole = true
        _ = try store.export(group, countMax: 100, byteCountMax: 1 << 20) { _, rows in
            count += LogIndex(rows.count)
            for row in rows {
                let byte = UInt8(truncatingIfNeeded: row.version)
                if row.payload.contains(where: { $0 != byte }) { isWhole = false }
            }
            return true
        }
        return count == index && isWhole ? index : nil
    }
}

enum MachineStoreError: Error {
    case isDown
}
