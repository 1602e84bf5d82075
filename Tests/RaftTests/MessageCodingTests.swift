import Primitives
import Raft
import Testing

@Suite struct MessageCodingTests {
    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)
        }
    }

    private func error(_ bytes: [UInt8]) -> DecodingError? {
        do throws(DecodingError) {
            _ = try Message(encoded: bytes)
            return nil
        } catch {
            return error
        }
    }

    /// A body by chance, with numbers of all sizes.
    private func body(_ random: inout SeededRandom) throws -> Message.Body {
        func number() -> UInt64 {
            UInt64.random(in: 0...UInt64.max, using: &random)
                >> UInt64.random(in: 0...63, using: &random)
        }
        func isTrue() -> Bool { Bool.random(using: &random) }
        let position = LogPosition(index: number() >> 3, term: number())
        let context = Message.ReadContext(life: number(), number: number())
        switch Int.random(in: 0..<18, using: &random) {
        case 0: return .preVote(.init(last: position, isTransfer: isTrue()))
        case 1: return .preVoteReply(isGranted: isTrue())
        case 2: return .vote(.init(last: position, isTransfer: isTrue()))
        case 3: return .voteReply(isGranted: isTrue())
        case 4:
            let count = LogIndex.random(in: 0...4, using: &random)
            let entries = (0..<count).map { place in
                LogEntry(
                    index: position.index + 1 + place, term: number(), kind: .command,
                    keyID: isTrue() ? UInt32(truncatingIfNeeded: number()) : 0,
                    payload: [UInt8](repeating: 7, count: Int.random(in: 0...300, using: &random)))
            }
            return .append(.init(previous: position, entries: entries, commitIndex: number()))
        case 5:
            return .appendReply(.init(outcome: .stored(through: number()), commitIndex: number()))
        case 6:
            return .appendReply(
                .init(
                    outcome: .mismatch(previous: number(), hint: position), commitIndex: number()))
        case 7: return .heartbeat(commitIndex: number(), round: number())
        case 8:
            return .heartbeatReply(
                .init(round: number(), promise: isTrue() ? number() : nil, commitIndex: number()))
        case 9: return .staleTerm
        case 10: return .timeoutNow
        case 11: return .readIndex(context)
        case 12: return .readIndexReply(context, index: isTrue() ? number() : nil)
        case 13:
            return .snapshotOffer(
                SnapshotDescriptor(
                    id: number(), position: position,
                    configuration: try Configuration(voters: [MemberID(3), MemberID(.max)]),
                    byteCount: number(), checksum: UInt32(truncatingIfNeeded: number())))
        case 14:
            return .snapshotChunk(
                .init(id: number(), offset: number(), bytes: Array(0..<200)))
        case 15: return .snapshotReply(id: number(), storedByteCount: number())
        case 16: return .recovering(.init(last: position, goal: number()))
        default: return isTrue() ? .release(ledTerm: number()) : .releaseReply(ledTerm: number())
        }
    }

    @Test("the bytes of version 1 are pinned, and are read back")
    func golden() throws {
        for sample in try MessageSample.all() {
            let bytes = bytes(MessageSample.goldenHeader + sample.golden)
            #expect(sample.message.encoded == bytes, "\(sample.message.body)")
            #expect(try Message(encoded: bytes) == sample.message)
        }
    }

    @Test("every tag of version 1 has a sample")
    func tags() throws {
        let tags = try MessageSample.all().compactMap { UInt8($0.golden.prefix(2), radix: 16) }
        #expect(Set(tags).sorted() == Array(1...18))
    }

    @Test("messages by chance come back as they were")
    func roundTrip() throws {
        var random = SeededRandom(seed: 0xAB)
        for _ in 0..<5000 {
            let message = MessageSample.message(try body(&random))
            #expect(try Message(encoded: message.encoded) == message)
        }
    }

    @Test("truncated messages, and messages with something behind them, are refused")
    func truncatedAndTrailing() throws {
        for sample in try MessageSample.all() {
            let bytes = sample.message.encoded
            for count in 0..<bytes.count {
                #expect(error(Array(bytes.prefix(count))) != nil, "\(sample.message.body)")
            }
            #expect(error(bytes + [0]) == .trailing(offset: bytes.count))
        }
    }

    @Test("unknown versions, tags and kinds are refused by name")
    func unknown() {
        let header = bytes(MessageSample.goldenHeader)
        #expect(error([0] + header.dropFirst()) == .unsupportedVersion(found: 0, offset: 0))
        #expect(error([2] + header.dropFirst()) == .unsupportedVersion(found: 2, offset: 0))
        for tag in [0, 19, 255] as [UInt8] {
            #expect(error(header + [tag]) == .invalid(what: "message", offset: header.count))
        }
        // A kind of entry that there is not, and a flag that is neither yes nor no.
        #expect(
            error(header + bytes("0507040601" + "040301aa"))
                == .invalid(what: "kind of entry", offset: header.count + 6))
        // A sealed change of members, and a seal under no key.
        for entry in ["04820403020101aa", "04810000000001aa"] {
            #expect(
                error(header + bytes("0507040601" + entry))
                    == .invalid(what: "seal of an entry", offset: header.count + 6))
        }
        #expect(error(header + [2, 2]) != nil)
        // The indexes of entries are counted on from the place before them.
        let last = [5, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 4, 6, 1, 4, 0, 0]
        #expect(error(header + last.map { UInt8($0) }) != nil)
        // More entries than there are bytes.
        #expect(error(header + bytes("05070406ffffff7f")) == .truncated(offset: header.count + 4))
        // No configuration in an offer.
        #expect(
            error(header + bytes("0d5500000000000000" + "0904" + "010000000000" + "00efbeadde"))
                != nil)
    }
}
