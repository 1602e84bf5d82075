import GRDB
import Primitives

/// One generation of a shard's rows, as the number that the rows bear.
struct Slot: Hashable, Sendable {
    let number: Int64

    /// More generations than snapshots that a node ever installs, one each second for 60 years.
    static let generationMax: Int64 = 1 << 31

    init(number: Int64) {
        self.number = number
    }

    /// The generation of a shard that no snapshot was installed to has the shard's own number.
    init(_ group: GroupID, generation: Int64 = 0) {
        number = generation << 32 | Int64(group.rawValue)
    }

    var generation: Int64 { number >> 32 }
}

/// Which generation of each shard's rows counts. Kept in memory, so that no question costs a
/// statement more.
struct SlotTable: Sendable {
    private var slots: [GroupID: Slot] = [:]
    /// Those that are being written and do not count yet.
    private(set) var unfinished: Set<Slot> = []
    /// False once every row is known to be in a slot that counts or is being written.
    var mayHaveStaleRows = true

    /// Reads what counts by the file.
    init(_ database: Database) throws {
        let version = try StateStoreSchema.version(database)
        // A file of an older version that is only looked at: each shard has one generation.
        guard version >= StateStoreSchema.versionWithSlots else { return }
        let run = try SQLRun(database, "SELECT shard, slot FROM shard")
        while try run.next() {
            let (group, slot) = try Self.slot(try run.integer(1), of: try run.integer(0))
            slots[group] = slot
        }
    }

    /// What counts of one shard, by the file.
    static func slot(of group: GroupID, in database: Database) throws -> Slot {
        guard try StateStoreSchema.version(database) >= StateStoreSchema.versionWithSlots
        else { return Slot(group) }
        let run = try SQLRun(database, "SELECT slot FROM shard WHERE shard = ?")
        try run.bind(Int64(group.rawValue), at: 1)
        guard try run.next() else { return Slot(group) }
        return try slot(try run.integer(0), of: Int64(group.rawValue)).slot
    }

    /// The slot of this number, which has to be one of the shard's.
    private static func slot(
        _ number: Int64, of shard: Int64
    ) throws -> (group: GroupID, slot: Slot) {
        let slot = Slot(number: number)
        guard let group = UInt32(exactly: shard), slot.number & 0xFFFF_FFFF == shard else {
            throw StateStoreError.corrupt(
                operation: "read a slot", code: ResultCode.SQLITE_CORRUPT.rawValue)
        }
        return (GroupID(group), slot)
    }

    subscript(group: GroupID) -> Slot { slots[group] ?? Slot(group) }

    /// True when the rows of a slot are of use.
    func isInUse(_ slot: Slot) -> Bool {
        if unfinished.contains(slot) { return true }
        let shard = UInt32(truncatingIfNeeded: slot.number)
        return self[GroupID(shard)] == slot
    }

    mutating func begin(_ slot: Slot) {
        unfinished.insert(slot)
    }

    /// The slot counts from now on.
    mutating func finish(_ slot: Slot, of group: GroupID) {
        unfinished.remove(slot)
        slots[group] = slot
        mayHaveStaleRows = true
    }

    /// Whoever wrote them is gone.
    mutating func abandonAll() {
        unfinished = []
        mayHaveStaleRows = true
    }
}
