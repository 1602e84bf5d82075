import Foundation
import Gossip
import Primitives
import Testing

/// No bytes end the process, and none grow a table beyond its bound.
@Suite struct FuzzTests {
    /// Feeds bytes to an instance, as if each of two peers had sent them.
    private static func fuzz(
        _ bytes: [UInt8], _ instance: inout GossipInstance, at now: MonotonicInstant
    ) -> Reception {
        var directives: [GossipInstance.Directive] = []
        _ = instance.onMessage(bytes, from: MemberID(3), now: now, &directives)
        let reception = instance.onMessage(bytes, from: MemberID(2), now: now, &directives)
        if let due = instance.nextDeadline, due <= now { instance.onTick(now: now, &directives) }
        for case .send(let message, _) in directives {
            #expect(message.encoded.count <= message.byteCountMax)
        }
        return reception
    }

    private static func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        if random.chance(1, in: 2) {
            // One number behind the header becomes another, so that half of them reach the tables.
            let place = Int.random(in: 11..<bytes.count, using: &random)
            bytes[place] = UInt8.random(in: 0..<12, using: &random)
            return bytes
        }
        for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
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
                let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
                bytes.append(contentsOf: bytes[place..<end])
            }
        }
        return bytes
    }

    @Test("mutated messages are taken, ignored or refused, and never more")
    func mutations() {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000
        var random = SeededRandom(seed: 0xF0)
        let valid = Sample.messages.map(\.encoded)
        let fresh = Sample.acquainted(6)
        var instance = fresh
        var now = Sample.start
        var takenCount = 0
        var refusedCount = 0
        for round in 0..<count {
            // Now and then from the beginning, so that not all messages meet the same table.
            if round % 500 == 0 { instance = fresh }
            now = now + .milliseconds(7)
            let base = valid[Int.random(in: valid.indices, using: &random)]
            switch Self.fuzz(Self.mutated(base, &random), &instance, at: now) {
            case .taken: takenCount += 1
            case .ignored: break
            case .refused: refusedCount += 1
            }
            #expect(instance.memberCount <= GossipLimits.memberCountMax)
        }
        print("gossip: fuzz of \(count): \(takenCount) taken, \(refusedCount) refused")
        #expect(takenCount > 0 && refusedCount > 0)
    }

    @Test("bytes by chance, and every prefix of every message, are refused")
    func noise() {
        var instance = Sample.acquainted(6)
        var random = SeededRandom(seed: 0xF1)
        for length in 0..<600 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            guard case .refused = Self.fuzz(bytes, &instance, at: Sample.start) else {
                Issue.record("noise of \(length) bytes was not refused")
                continue
            }
        }
        for bytes in Sample.messages.map(\.encoded) {
            for end in bytes.indices {
                guard case .refused = Self.fuzz(Array(bytes[..<end]), &instance, at: Sample.start)
                else {
                    Issue.record("\(end) of \(bytes.count) bytes were not refused")
                    continue
                }
            }
            let trailing = Self.fuzz(bytes + [0], &instance, at: Sample.start)
            #expect(trailing == .refused(.malformed(.trailing(offset: bytes.count))))
        }
    }
}
