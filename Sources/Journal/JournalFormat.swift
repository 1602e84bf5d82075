// The journal on disk, format version 1. Integers are little-endian; [n] is a count of bytes.
//
// A journal is a folder of segments, `0000000000000001.journal` and so on: sixteen hexadecimal
// digits that count up without a gap. The oldest are removed once nothing needs them.
//
//   segment   ┌────────────────┬─────────┬─────────┬───┬──────────────────────────┐
//             │ segment header │ batch n │ batch … │ … │ zeros (preallocated) …   │
//             └────────────────┴─────────┴─────────┴───┴──────────────────────────┘
//   The header and every batch begin on a multiple of 512 bytes and are padded with zeros to one,
//   so that no batch is written to a sector that holds a part of another.
//
//   segment header                               batch
//    0 magic [8] "SUNNYJNL"                       0 magic [4] "SBAT"
//    8 format version u16                         4 reserved u32
//   10 reserved u16                               8 batch sequence number u64, over all segments
//   12 header byte count u32, crc included       16 byte count of the records u32
//   16 segment sequence number u64               20 number of records u32
//   24 sequence number of the next batch u64     24 chain [16] after this batch
//   32 chain [16] before the first batch         40 reserved [20]
//   48 number of groups u32                      60 crc u32 of 0..<60, begun with the seed
//   52 reserved u32                              64 records, one after the other, then zeros
//   56 groups, by rising id, 56 each:
//        0 group u32                             record
//        4 flags u8, bit 0: has voted,            0 payload byte count u32
//                    bit 1: has promised          4 type u8: 1 entry, 2 hard state, 3 compacted
//        5 reserved [3]                           5 flags u8: bit 0 sealed, bit 1 has voted,
//        8 term u64                                          bit 2 discards the suffix,
//       16 vote u64                                          bit 3 has promised: the payload
//                                                            is a promise
//       24 compacted up to index u64              6 entry kind u8
//       32 term of that entry u64                 7 reserved u8
//       40 last index u64                         8 group u32
//       48 reserved u64                          12 key id u32, 0 while entries are not sealed
//    … the promises of the groups that have      16 term u64
//      one, in the same order                    24 index u64; of a hard state: the vote
//    … crc u32 of everything before              32 crc u32 of 0..<32 and the payload
//                                                36 payload
//   In every version the fields 0 to 16 and
//   the crc of a segment header stay in place.  promise: leader u64, term u64, epoch u64
//
// Seed: the first four bytes of the chain at the segment's start. What passes for a batch header
// can then not be smuggled in through a payload, nor come from another segment.
//
// Chain: the first 16 bytes of SHA-256(chain before ‖ batch header 0..<24 ‖ records and padding).
// It is computed once a batch. A batch is one write and one fdatasync, and is kept or cut as a
// whole, so a link inside of it would prove nothing more; and a hash has a fixed cost: for 64
// records of 256 bytes one hash measured 14 µs and a hash for each record 110 µs. Each record has a
// checksum of its own so that a repair can tell which entries of a damaged batch are sound.
//
// The copies in a segment header are the groups' state when the segment began. They make every
// older segment superfluous but for the entries in it, and the last index in them tells entries
// that were removed on purpose from a segment that has been lost.
//
// What recovery can tell. Only the very last batch can have been torn, since a batch is written
// after the one before was synchronized, and any valid header with a later sequence number proves
// that everything before it was acknowledged. So a batch that is not whole, with no later header
// behind it, in the last segment, is cut; every other flaw is an error. A torn write may keep any
// of its sectors: where the batch's own header is whole, the search for later headers begins behind
// its end, else at the next sector. What cannot be told: whether the last batch was torn before it
// was acknowledged or has rotted since, as nothing on disk says that it was acknowledged. It is
// cut, and the recovered log says so; peers that remember a later index then refuse this disk. A
// last batch that reads as nothing but zeros looks like one that was never written.

package import Primitives

/// The fixed numbers of format version 1.
package enum JournalFormat {
    package static let version: UInt16 = 1
    package static let segmentMagic: [UInt8] = Array("SUNNYJNL".utf8)
    package static let batchMagic: [UInt8] = Array("SBAT".utf8)
    package static let segmentHeaderFixedByteCount = 56
    package static let groupByteCount = 56
    package static let promiseByteCount = 24
    package static let checksumByteCount = 4
    package static let batchHeaderByteCount = 64
    package static let batchChainedPrefixByteCount = 24
    package static let recordHeaderByteCount = 36

    /// The smallest unit that disks write as a whole.
    package static let sectorByteCount = 512

    /// A payment's events take some hundred bytes and a frame between nodes is at most a few
    /// megabytes; a larger entry would hold up every other group's.
    package static let entryPayloadByteCountMax = 1 << 20

    /// What one write can be at most. A batch closes at an eighth of it; the rest is room for the
    /// one append that came last.
    package static let batchByteCountMax = 32 << 20

    /// A segment is read into memory as a whole when the node starts.
    package static let segmentByteCountMax = 1 << 30

    /// A node holds some ten thousand groups; 65 536 keep a segment header under 4 MiB.
    package static let groupCountMax = 1 << 16

    /// Numbers of segments and batches stay below it, so that counting on never overflows.
    package static let sequenceMax = UInt64(Int64.max)

    package static func padded(_ byteCount: Int) -> Int {
        (byteCount + sectorByteCount - 1) / sectorByteCount * sectorByteCount
    }

    package static func fileName(ofSegment sequence: UInt64) -> String {
        let digits = String(sequence, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".journal"
    }

    /// The segment that a file holds; nil for a file that is none of ours.
    package static func segment(ofFileName name: String) -> UInt64? {
        guard name.hasSuffix(".journal"), name.utf8.count == 24,
            let sequence = UInt64(name.dropLast(8), radix: 16),
            sequence > 0, sequence <= sequenceMax, fileName(ofSegment: sequence) == name
        else { return nil }
        return sequence
    }
}

/// One thing that the journal keeps.
package enum JournalRecord: Hashable, Sendable {
    /// Replaces the group's entries from its index on.
    case entry(GroupID, LogEntry)
    /// Replaces the group's hard state.
    case hardState(GroupID, HardState)
    /// The group's entries up to the mark are no longer needed.
    case compacted(GroupID, CompactionMark)

    package var group: GroupID {
        switch self {
        case .entry(let group, _), .hardState(let group, _), .compacted(let group, _): group
        }
    }

    /// Bytes on disk.
    package var byteCount: Int {
        switch self {
        case .entry(_, let entry): JournalFormat.recordHeaderByteCount + entry.payload.count
        case .hardState(_, let state):
            JournalFormat.recordHeaderByteCount
                + (state.promise == nil ? 0 : JournalFormat.promiseByteCount)
        case .compacted: JournalFormat.recordHeaderByteCount
        }
    }
}

/// Up to where a group's log has been replaced by its applied state.
package struct CompactionMark: Hashable, Sendable {
    package let upTo: LogIndex
    /// The term of the entry at `upTo`.
    package let term: Term
    /// An installed snapshot replaces the whole log: entries behind `upTo` go too.
    package let discardsSuffix: Bool

    package init(upTo: LogIndex, term: Term, discardsSuffix: Bool) {
        self.upTo = upTo
        self.term = term
        self.discardsSuffix = discardsSuffix
    }
}
