import CSQLite

/// The index of a write-ahead log, which connections share, and its locks. It is as long-lived as
/// they are: the first of a process makes it anew out of the log, as SQLite does where nobody else
/// has the file open.
struct SharedMemory {
    /// Pieces that SQLite has the addresses of; they do not move.
    private var regions: [Region] = []
    private var users: Set<ObjectIdentifier> = []
    private var slots = [Slot](repeating: Slot(), count: Int(SQLITE_SHM_NLOCK))

    private struct Slot {
        var readers: Set<ObjectIdentifier> = []
        var writer: ObjectIdentifier?
    }

    var isUnused: Bool { users.isEmpty }

    /// The address of a piece, all zeros at first; nil where it is not there and not to be made.
    mutating func map(
        _ region: Int, byteCount: Int, isMade: Bool, for user: ObjectIdentifier
    ) -> UInt? {
        users.insert(user)
        guard region >= regions.count else { return regions[region].address }
        guard isMade else { return nil }
        while regions.count <= region { regions.append(Region(byteCount: byteCount)) }
        return regions[region].address
    }

    /// Takes all of the slots or none; false where another has one.
    mutating func lock(
        _ range: Range<Int>, isExclusive: Bool, by user: ObjectIdentifier
    ) -> Bool {
        for slot in slots[range] {
            if slot.writer.map({ $0 != user }) == true { return false }
            if isExclusive, slot.readers.contains(where: { $0 != user }) { return false }
        }
        users.insert(user)
        for place in range {
            if isExclusive {
                slots[place].writer = user
            } else {
                slots[place].readers.insert(user)
            }
        }
        return true
    }

    mutating func unlock(_ range: Range<Int>, by user: ObjectIdentifier) {
        for place in range {
            slots[place].readers.remove(user)
            if slots[place].writer == user { slots[place].writer = nil }
        }
    }

    mutating func leave(_ user: ObjectIdentifier) {
        unlock(slots.indices, by: user)
        users.remove(user)
    }
}

/// Memory that lives as long as this; SQLite uses it between mapping and unmapping.
//
// Proof of `Sendable`: the address does not change, and SQLite's own locks and barriers order what
// connections write there.
@safe private final class Region: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        unsafe memory = .allocate(byteCount: byteCount, alignment: 16)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    var address: UInt? { unsafe memory.baseAddress.map { UInt(bitPattern: $0) } }

    deinit { unsafe memory.deallocate() }
}
