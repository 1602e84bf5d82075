package import Primitives
import StateStore

// What a replica's state became, in a few bytes that others can be asked for.
//
//   index      1 … 128 │ 129 … 256 │ 257 …
//   window        whole │ whole     │ under way: its entries are noted
//   started at 200:     │ (partial) │ the first that can be whole
//
// At the end of a window every aggregate that was changed in it is encoded once, and its checksum
// taken: books that each entry changes cost one encoding a window. The checksums are sorted, so
// that no order in which a machine changes aggregates, or a table holds them, plays a part.
//
// CRC-32C is enough: what is looked for are faults, not forgeries (peers are authenticated), and a
// replica that went astray goes on to differ in later windows.

/// The checksum of one window of a shard's log.
package struct WindowChecksum: Hashable, Sendable {
    /// The window's last index.
    package let end: LogIndex
    package let checksum: UInt32

    package init(end: LogIndex, checksum: UInt32) {
        self.end = end
        self.checksum = checksum
    }
}

/// The checksums of the windows that this process has applied whole. A value.
package struct StateChecksums: Sendable {
    /// How many entries a window has. Shorter ones would encode the books of a merchant more often,
    /// longer ones hold the loop longer at their end (some hundred rows, a few microseconds each).
    package static let windowLength: LogIndex = 128
    /// How many windows are remembered: those of ten seconds, from one comparison to the next, at
    /// 1600 entries a second.
    package static let windowCountMax = 128

    /// The oldest first.
    package private(set) var recent: [WindowChecksum] = []
    /// What was noted of the window under way; nil where its beginning was not applied here.
    private var entries: ByteWriter?

    /// Nothing is known of what led to the state at `index`.
    package init(startingAfter index: LogIndex) {
        if Self.isEnd(index) { entries = Self.writer() }
    }

    private static func writer() -> ByteWriter { ByteWriter(capacity: 2_048) }

    package static func isEnd(_ index: LogIndex) -> Bool { index % windowLength == 0 }

    /// Notes an entry that was applied; `verdict` is nil for one that the machine does not see.
    package mutating func note(_ entry: LogEntry, _ verdict: ApplyVerdict?) {
        guard entries != nil else { return }
        entries!.writeVarint(entry.index)
        entries!.writeVarint(entry.term)
        entries!.write(entry.kind.rawValue)
        switch verdict {
        case nil:
            entries!.write(UInt8(0))
        case .applied?:
            entries!.write(UInt8(1))
        case .stale(let key)?:
            entries!.write(UInt8(2))
            entries!.write(key.kind.rawValue)
            entries!.write(key.id)
        }
    }

    /// The last entry of a window was noted.
    ///
    /// - Parameter rows: a checksum for each aggregate that was changed in it, in any order.
    package mutating func endWindow(at index: LogIndex, rows: [UInt32]) {
        precondition(Self.isEnd(index), "no window ends at \(index)")
        if var whole = entries.take() {
            for row in rows.sorted() { whole.writeFixed(row) }
            let checksum = CRC32C.checksum(whole.bytes)
            if recent.count == Self.windowCountMax { recent.removeFirst() }
            recent.append(WindowChecksum(end: index, checksum: checksum))
        }
        entries = Self.writer()
    }

    /// The checksum of the window that ends at `end`; nil where there is none.
    package subscript(end: LogIndex) -> UInt32? {
        // Windows have no gaps between them, from the first that was whole.
        guard let first = recent.first?.end, end >= first, Self.isEnd(end) else { return nil }
        let place = (end - first) / Self.windowLength
        return place < LogIndex(recent.count) ? recent[Int(place)].checksum : nil
    }
}

extension AggregateRow {
    /// CRC-32C of everything that the row says.
    package var checksum: UInt32 {
        CRC32C.checksum(payload, from: CRC32C.checksum(columns))
    }
}
