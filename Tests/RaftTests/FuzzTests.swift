import Foundation
import Primitives
import Raft
import Testing

/// No bytes and no messages end the process, and none make a member break its own word.
@Suite struct FuzzTests {
    private static let count =
        ProcessInfo.processInfo.environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000

    private func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.removeLast(bytes.count - place)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 4: bytes.remove(at: place)
            case 5:
                // The highest number that a varint holds.
                bytes.replaceSubrange(
                    place...place, with: [UInt8](repeating: 0xFF, count: 9) + [1])
            default:
                // One number becomes another small one: behind the header, and so understood.
                let low = min(13, bytes.count - 1)
                bytes[Int.random(in: low..<bytes.count, using: &random)] = UInt8.random(
                    in: 0..<8, using: &random)
            }
        }
        return bytes
    }

    /// A message of small numbers, so that they meet what there is.
    private func made(in world: FuzzWorld, _ random: inout SeededRandom) throws -> Message {
        func small(_ most: UInt64 = 6) -> UInt64 { UInt64.random(in: 0...most, using: &random) }
        func isTrue() -> Bool { Bool.random(using: &random) }
        let to = MemberID(UInt64.random(in: 1...5, using: &random))
        let own = world.group.members[to]?.instance
        let last = own?.lastIndex ?? 0
        let base = last > 3 && isTrue() ? last - 3 : 0
        let position = LogPosition(index: base + small(), term: small(4))
        let context = Message.ReadContext(life: small(), number: small())
        let body: Message.Body
        switch Int.random(in: 0..<18, using: &random) {
        case 0: body = .preVote(.init(last: position, isTransfer: isTrue()))
        case 1: body = .preVoteReply(isGranted: isTrue())
        case 2: body = .vote(.init(last: position, isTransfer: isTrue()))
        case 3: body = .voteReply(isGranted: isTrue())
        case 4, 5:
            let entries = try (0..<small(3)).map { place in
                let kind = LogEntry.Kind(rawValue: UInt8(small(2))) ?? .command
                let voters = try Configuration(voters: [MemberID(small(3) + 1)])
                return LogEntry(
                    index: position.index + 1 + place, term: position.term + place / 2, kind: kind,
                    payload: kind == .configuration
                        ? voters.encoded : kind == .command ? [UInt8(small())] : [])
            }
            body = .append(
                .init(previous: position, entries: entries, commitIndex: base + small()))
        case 6:
            body = .appendReply(
                .init(outcome: .stored(through: base + small()), commitIndex: base + small()))
        case 7:
            body = .appendReply(
                .init(
                    outcome: .mismatch(previous: base + small(), hint: position),
                    commitIndex: small()))
        case 8: body = .heartbeat(commitIndex: base + small(), round: small())
        case 9:
            body = .heartbeatReply(
                .init(round: small(), promise: isTrue() ? small() : nil, commitIndex: base))
        case 10: body = isTrue() ? .staleTerm : .timeoutNow
        case 11: body = .readIndex(context)
        case 12: body = .readIndexReply(context, index: isTrue() ? small() : nil)
        case 13:
            let configuration = try Configuration(voters: [MemberID(1), MemberID(small(3) + 2)])
            body = .snapshotOffer(
                SnapshotDescriptor(
                    id: small(2), position: position, configuration: configuration,
                    byteCount: small(), checksum: 0))
        case 14: body = .snapshotChunk(.init(id: small(2), offset: small(), bytes: [1, 2]))
        case 15: body = .snapshotReply(id: small(2), storedByteCount: small(200))
        case 16: body = .recovering(.init(last: position, goal: base + small()))
        default: body = isTrue() ? .release(ledTerm: small()) : .releaseReply(ledTerm: small())
        }
        let term = (own?.hardState.term ?? 1) + small(2)
        return Message(
            cluster: ScriptedGroup.cluster, group: ScriptedGroup.group,
            from: MemberID(UInt64.random(in: 1...6, using: &random)), to: to,
            term: isTrue() ? term : own?.hardState.term ?? 1, body: body)
    }

    @Test("members that keep to the protocol keep their word, whatever the network and disks do")
    func genuine() throws {
        var servedCount = 0
        var leaseCount = 0
        let stepCount = 500
        for seed in 0..<UInt64(max(1, Self.count / stepCount)) {
            var world = try FuzzWorld(seed: seed, isGenuine: true)
            for _ in 0..<stepCount { world.step() }
            servedCount += world.servedCount
            leaseCount += world.leaseCount
        }
        print("raft: \(Self.count) events, \(servedCount) at leaders, \(leaseCount) in leases")
        #expect(servedCount > 0 && leaseCount > 0)
    }

    @Test("mutated and made-up messages are taken, ignored or refused, and never more")
    func hostile() throws {
        var random = SeededRandom(seed: 0xF0)
        var fedCount = 0
        var refusedCount = 0
        var unreadableCount = 0
        var seed: UInt64 = 0
        while fedCount < Self.count {
            seed += 1
            var world = try FuzzWorld(seed: seed, isGenuine: false)
            for _ in 0..<300 {
                world.step()
                let message: Message
                if let genuine = world.group.network.randomElement(using: &random),
                    Bool.random(using: &random)
                {
                    let bytes = mutated(genuine.encoded, &random)
                    guard let read = try? Message(encoded: bytes) else {
                        unreadableCount += 1
                        continue
                    }
                    message = read
                } else {
                    message = try made(in: world, &random)
                }
                fedCount += 1
                // To whom it says that it is for, or, now and then, to somebody else.
                let isMisled = Int.random(in: 0..<10, using: &random) == 0
                let id = isMisled ? MemberID(2) : message.to
                guard world.group.members[id] != nil else { continue }
                // Printing takes long, so that only some are looked at that closely.
                let isLookedAt = fedCount % 16 == 0
                let before = isLookedAt ? world.group.printed(id) : ""
                var reception = Reception.taken
                world.group.run(id) { reception = $0.onMessage(message, $1, &$2) }
                if case .refused(let offence) = reception {
                    refusedCount += 1
                    if isLookedAt, offence.isSeenAtOnce {
                        #expect(before == world.group.printed(id), "\(offence) \(message)")
                    }
                }
                world.check()
            }
        }
        print("raft: \(fedCount) forged, \(refusedCount) refused, \(unreadableCount) unreadable")
        #expect(refusedCount > 0 && unreadableCount > 0)
    }

    @Test("bytes by chance are no message")
    func noise() {
        var random = SeededRandom(seed: 0xF1)
        for _ in 0..<Self.count {
            let bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Whatever can be read is written again as what was read.
            if let message = try? Message(encoded: bytes) {
                #expect((try? Message(encoded: message.encoded)) == message)
            }
        }
    }
}

extension Reception.Offence {
    /// True when the message itself is wrong, whoever reads it.
    fileprivate var isSeenAtOnce: Bool {
        switch self {
        case .otherCluster, .otherGroup, .otherMember, .ownIdentity, .termOutOfRange,
            .indexOutOfRange, .secondLeader, .entryOrder, .entryTerm, .emptyEntry,
            .oversizedEntry, .forgedConfiguration:
            true
        case .conflictsWithCommitted, .commitBeyondLog, .neverSent,
            .oversizedSnapshot:
            false
        }
    }
}
