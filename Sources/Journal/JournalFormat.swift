// The journal on disk, format version 2. Integers are little-endian; [n] is a count of bytes.
//
// A journal is a folder of segments, `0000000000000001.journal` and so on: sixteen hexadecimal
// digits that count up without a gap. The oldest go once nothing needs them: they become spares
// (`….spare`), whose space a later segment is written over, or are removed. `reserve` holds room
// for a disk that is full.
//
//   segment   ┌────────┬────────┬─────────┬─────────┬───┬────────────────────────────┐
//             │ header │ header │ batch n │ batch … │ … │ zeros, or what was there … │
//             └────────┴────────┴─────────┴─────────┴───┴────────────────────────────┘
//   The header, its copy and every batch begin on a multiple of 4096 bytes and are padded with
//   zeros to one. Disks and page caches write blocks of that size as a whole: so no batch is
//   written to a block that holds a part of another, and one that goes bad touches one batch.
//
//   segment header                               batch
//    0 magic [8] "SUNNYJNL"                       0 magic [4] "SBAT"
//    8 format version u16                         4 number of recaps u32
//   10 flags u16, bit 0: over an older one        8 batch sequence number u64, over all segments
//   12 header byte count u32, crc included       16 byte count of the records u32
//   16 segment sequence number u64               20 number of records u32
//   24 sequence number of the next batch u64     24 chain [16] after this batch
//   32 chain [16] before the first batch         40 chain [16] before this batch
//   48 number of groups u32                      56 reserved u32
//   52 byte count of the owner u32               60 crc u32 of 0..<60, begun with the seed
//   56 groups, by rising id, 56 each:            64 recaps and records, then zeros
//        0 group u32
//        4 flags u8, bit 0: has voted,           record
//                    bit 1: has promised,         0 payload byte count u32
//                    bit 2: recovers              4 type u8: 1 entry, 2 hard state, 3 compacted,
//        5 reserved [3]                                      4 removed, 5 restored entry, 6 recap
//        8 term u64                               5 flags u8: bit 0 sealed, bit 1 has voted,
//       16 vote u64                                          bit 2 discards the suffix,
//       24 compacted up to index u64                         bit 3 has promised,
//       32 term of that entry u64                            bit 4 the group was removed,
//       40 last index u64                                    bit 5 each index once,
//       48 reserved u64                                      bit 6 recovers
//    … the promises of the groups that have       6 entry kind u8
//      one, in the same order                     7 reserved u8
//    … the goals of those that recover            8 group u32
//    … owner: cluster, node: each u8 and its     12 key id u32, 0 for what is not sealed
//      UTF-8; has member u8, member u64          16 term u64
//    … crc u32 of everything before              24 index u64; of hard state and recap: the vote
//                                                32 crc u32 of 0..<32 and the payload, begun
//   In every version the fields 0 to 16 and         with the seed
//   the crc of a segment header stay in place.   36 payload
//
//   promise: leader u64, term u64, epoch u64
//   goal of a recovery: index u64, term u64
//   payload of a hard state: promise and goal, when there are any
//   payload of a recap: compacted up to u64, term of that entry u64, last index u64, first index
//   u64, promise and goal when there are any
//
// Seed: the first four bytes of the chain at the segment's start. What passes for a header or a
// record can then not be smuggled in through a payload, nor come from another segment; nor be left
// over from the segment that lay in the same space before. A sequence number that is too low shows
// that as well.
//
// Chain: the first 16 bytes of SHA-256(chain before ‖ batch header 0..<24 ‖ records). It is
// computed once a batch. A batch is one write and one fdatasync, and is kept or cut as a whole, so
// a link inside of it would prove nothing more; and a hash has a fixed cost: for 64 records of 256
// bytes one hash measured 14 µs and a hash for each record 110 µs. Each record has a checksum of
// its own so that the sound entries of a damaged batch can be told.
//
// Recaps: a batch begins by saying what the batch before it did: for each group that it touched,
// the group's marks after it and the lowest index that it wrote. So a batch that is lost is known
// by what it held: hard states, votes and marks are all still there, and of the entries it is known
// which they were. Flag bit 5 says that each index was written once, so that a sound record is the
// one that counts.
//
// The copies in a segment header are the groups' state when the segment began. They make every
// older segment superfluous but for the entries in it, and the last index in them tells entries
// that were removed on purpose from a segment that has been lost.
//
// What recovery can tell. Only the very last batch can have been torn, since a batch is written
// after the one before was synchronized, and any valid header with a later sequence number proves
// that everything before it was acknowledged. So a batch that is not whole, with no later header
// behind it, in the last segment, is cut. One that is not whole and has a whole batch behind it is
// damage: what it held is reported, and can be restored from peers. A torn write may keep any of
// its blocks: where the batch's own header is whole, the search for later headers begins behind its
// end, else at the next block. Two batches in a row that are not whole, or a missing segment in the
// middle, are an error: nothing says what they did.
//
// A last batch that has rotted looks like one that was torn. So a batch without records follows it
// when the journal has been idle for a second, and when it is closed: that proves the one before,
// and losing it loses nothing. What stays untold is a last batch that rots within a second before
// the power fails. It is cut, and the recovered log says so, as far as its header can be told from
// what lay in a recycled segment before; peers that remember a later index then refuse this disk.

package import Primitives

/// The fixed numbers of format version 2.
package enum JournalFormat {
    package static let version: UInt16 = 2
    package static let segmentMagic: [UInt8] = Array("SUNNYJNL".utf8)
    package static let batchMagic: [UInt8] = Array("SBAT".utf8)
    package static let segmentHeaderFixedByteCount = 56
    package static let groupByteCount = 56
    package static let promiseByteCount = 24
    package static let goalByteCount = 16
    package static let checksumByteCount = 4
    package static let batchHeaderByteCount = 64
    package static let batchChainedPrefixByteCount = 24
    package static let recordHeaderByteCount = 36
    package static let recapByteCount = recordHeaderByteCount + 32

    /// What page caches, and disks since 2010, write as a whole. A smaller write would make the
    /// disk rewrite acknowledged bytes, and read them first where they are not in memory.
    package static let blockByteCount = 4096

    /// A payment's events take some hundred bytes and a frame between nodes is at most a few
    /// megabytes; a larger entry would hold up every other group's.
    package static let entryPayloadByteCountMax = 1 << 20

    /// What is gathered for one write can be at most. A batch closes at an eighth of it; the rest
    /// is room for the one append that came last.
    package static let gatheringByteCountMax = 32 << 20

    /// What one write can be at most: what was gathered, and recaps of every group there can be
    /// (65 536 times 108 bytes are under 7 MiB).
    package static let batchByteCountMax = 40 << 20

    /// A segment is read into memory as a whole when the node starts.
    package static let segmentByteCountMax = 1 << 30

    /// A node holds some ten thousand groups; 65 536 keep a segment header under 4 MiB.
    package static let groupCountMax = 1 << 16

    /// Numbers of segments and batches, and indices, stay below it, so that counting on never
    /// overflows.
    package static let sequenceMax = UInt64(Int64.max)

    package static func padded(_ byteCount: Int) -> Int {
        (byteCount + blockByteCount - 1) / blockByteCount * blockByteCount
    }

    /// Holds room for a full disk.
    package static let reserveFileName = "reserve"

    package static func fileName(ofSegment sequence: UInt64) -> String {
        digits(sequence) + ".journal"
    }

    /// The name of a segment that nothing needs any more, until its space is used again.
    package static func spareFileName(ofSegment sequence: UInt64) -> String {
        digits(sequence) + spareSuffix
    }

    package static func isSpare(fileName name: String) -> Bool { name.hasSuffix(spareSuffix) }

    private static let spareSuffix = ".spare"

    private static func digits(_ sequence: UInt64) -> String {
        let digits = String(sequence, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
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
    /// The group has left the node: nothing of it is needed.
    case removed(GroupID)
    /// Takes the place of an entry that was damaged, and of nothing else.
    case restored(GroupID, LogEntry)

    package var group: GroupID {
        switch self {
        case .entry(let group, _), .hardState(let group, _), .compacted(let group, _),
            .removed(let group), .restored(let group, _):
            group
        }
    }

    /// Bytes on disk.
    package var byteCount: Int {
        switch self {
        case .entry(_, let entry), .restored(_, let entry):
            JournalFormat.recordHeaderByteCount + entry.payload.count
        case .hardState(_, let state):
            JournalFormat.recordHeaderByteCount + state.optionalByteCount
        case .compacted, .removed: JournalFormat.recordHeaderByteCount
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
