import Cluster
import Environment
import Primitives
import StateStore
import Testing

/// A key that adds its use to each byte, and says what stands beside.
private struct OpenKey: SealingKey {
    let use: UInt8

    func seal(_ payload: [UInt8], number: UInt64, beside: [UInt8]) -> [UInt8] {
        payload.map { $0 &+ use } + mark(number, beside)
    }

    func open(_ sealed: ArraySlice<UInt8>, number: UInt64, beside: [UInt8]) -> [UInt8]? {
        guard sealed.suffix(Seal.byteCount).elementsEqual(mark(number, beside)) else { return nil }
        return sealed.dropLast(Seal.byteCount).map { $0 &- use }
    }

    private func mark(_ number: UInt64, _ beside: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeFixed(number)
        writer.writeFixed(CRC32C.checksum(beside))
        writer.writeFixed(UInt32(use))
        return writer.bytes
    }
}

private struct OpenSealer: Sealer {
    var fingerprint: UInt64 { 1 }

    func key(for use: SealingUse) -> any SealingKey {
        switch use {
        case .entries(_, let term, _): OpenKey(use: UInt8(truncatingIfNeeded: term))
        case .rows(let group, let life):
            OpenKey(use: UInt8(truncatingIfNeeded: life) &+ UInt8(group.rawValue))
        }
    }
}

@Suite("Rows under their seals")
struct RowSealingTests {
    private static let group = GroupID(3)

    private static func row(
        _ id: String, version: UInt64 = 1, owner: String = "o"
    ) -> AggregateRow {
        AggregateRow(
            key: AggregateKey(group: group, kind: AggregateKind(rawValue: 1), id: id),
            owner: owner, created: 5, version: version, isOpen: false, payload: [1, 2, 3])
    }

    @Test("a row opens on every node, whichever life sealed it")
    func otherLives() {
        var reader = RowSealing(Self.group, OpenSealer(), life: 1000)
        // More than the keys that are remembered.
        for life in 0..<200 as Range<UInt64> {
            var writer = RowSealing(Self.group, OpenSealer(), life: life)
            let sealed = writer.seal(ofRows: 1)([Self.row("a")])
            #expect(sealed.count == 1 && sealed[0] != Self.row("a"))
            #expect(reader.open(sealed[0]) == Self.row("a"))
        }
    }

    @Test("no two rows of a life have one number, also where fewer came than were announced")
    func numbers() {
        var sealing = RowSealing(Self.group, OpenSealer(), life: 7)
        let first = sealing.seal(ofRows: 3)
        let second = sealing.seal(ofRows: 2)
        // In another order than they were made, as the thread that writes is another.
        let rows = second([Self.row("d"), Self.row("e")]) + first([Self.row("a"), Self.row("b")])
        let numbers = rows.map { Array($0.payload[8..<16]) }
        #expect(Set(numbers).count == 4)
        #expect(Set(rows.map { Array($0.payload[..<8]) }) == [[7, 0, 0, 0, 0, 0, 0, 0]])
    }

    @Test("a payload does not open beside other columns, or cut off")
    func columns() {
        var sealing = RowSealing(Self.group, OpenSealer(), life: 7)
        let sealed = sealing.seal(ofRows: 1)([Self.row("a")])[0]
        func moved(_ to: AggregateRow) -> AggregateRow {
            AggregateRow(
                key: to.key, owner: to.owner, created: to.created, version: to.version,
                isOpen: to.isOpen, payload: sealed.payload)
        }
        #expect(sealing.open(moved(Self.row("a"))) == Self.row("a"))
        for other in [
            Self.row("b"), Self.row("a", version: 2), Self.row("a", owner: "p"),
        ] {
            #expect(sealing.open(moved(other)) == nil)
        }
        for count in 0..<sealed.payload.count {
            let cut = AggregateRow(
                key: sealed.key, owner: sealed.owner, created: sealed.created,
                version: sealed.version, isOpen: sealed.isOpen,
                payload: Array(sealed.payload.prefix(count)))
            #expect(sealing.open(cut) == nil)
        }
    }
}
