import Foundation
import Liveness
import Primitives
import Testing

/// No bytes end the process, and none make a node say or write more than it may.
/// `SUNNY_FUZZ_COUNT` mutates more often.
@Suite struct FuzzTests {
    private static let count =
        ProcessInfo.processInfo.environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000

    private static func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        if random.chance(1, in: 2), bytes.count > 11 {
            // One number behind the header becomes another, so that half of them reach the tables.
            let place = Int.random(in: 11..<bytes.count, using: &random)
            bytes[place] = UInt8.random(in: 0..<12, using: &random)
            return bytes
        }
        for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.removeLast(bytes.count - place)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 4: bytes.remove(at: place)
            default:
                // The highest number that a varint holds.
                bytes.replaceSubrange(
                    place...place, with: [UInt8](repeating: 0xFF, count: 9) + [1])
            }
        }
        return bytes
    }

    /// Times that a shell may pass in: most a little later, a few anywhere.
    private static func time(
        after now: MonotonicInstant, _ random: inout SeededRandom
    ) -> MonotonicInstant {
        guard random.chance(1, in: 500) else { return now + .milliseconds(7) }
        let extremes: [Int64] = [.min, .max, 0, Int64.random(in: .min ... .max, using: &random)]
        return MonotonicInstant(nanoseconds: extremes.randomElement(using: &random)!)
    }

    @Test("Mutated messages are taken, ignored or refused, and never more")
    func messages() {
        var random = SeededRandom(seed: 0xF0)
        // Extremes are refused whatever becomes of them: the ordinary ones come more often.
        let valid = (Sample.messages + Sample.ordinary + Sample.ordinary + Sample.ordinary)
            .map(\.encoded)
        var node = Sample.supportedNode()
        var write: UInt64?
        var now = Sample.now
        var decodedCount = 0
        var takenCount = 0
        var refusedCount = 0
        for round in 0..<Self.count {
            // Now and then from the beginning, so that not all messages meet the same table.
            if round % 500 == 0 {
                node = Sample.supportedNode()
                now = Sample.now
                write = nil
            }
            now = Self.time(after: now, &random)
            let base = valid[Int.random(in: valid.indices, using: &random)]
            var directives: [Liveness.Directive] = []
            if let message = try? LivenessMessage(encoded: Self.mutated(base, &random)) {
                decodedCount += 1
                switch node.onMessage(message, now: now, &directives) {
                case .taken: takenCount += 1
                case .ignored: break
                case .refused: refusedCount += 1
                }
            }
            if let due = node.nextDeadline, due <= now { node.onTick(now: now, &directives) }
            if let token = write, random.chance(1, in: 3) {
                write = nil
                node.onPersisted(token: token, now: now, &directives)
            }
            #expect(directives.count <= 8)
            for case .persist(let token, let durable) in directives {
                #expect(write == nil, "two writes at once")
                write = token
                #expect((try? DurableLiveness(encoded: durable.encoded)) == durable)
            }
        }
        print(
            "liveness: fuzz of \(Self.count): \(decodedCount) read,",
            "\(takenCount) taken, \(refusedCount) refused")
        #expect(takenCount > 0 && refusedCount > 0 && decodedCount < Self.count)
    }

    @Test("A node starts from whatever a mutated disk reads as, or the disk is refused")
    func disks() {
        var random = SeededRandom(seed: 0xF1)
        let valid = Sample.durables.dropLast().map(\.encoded)
        var startedCount = 0
        for _ in 0..<Self.count {
            let base = valid[Int.random(in: valid.indices, using: &random)]
            guard let durable = try? DurableLiveness(encoded: Self.mutated(base, &random)) else {
                continue
            }
            startedCount += 1
            var node = Sample.started(durable: durable)
            var directives: [Liveness.Directive] = []
            for message in Sample.messages {
                _ = node.onMessage(message, now: Sample.now, &directives)
            }
            node.onTick(now: MonotonicInstant(nanoseconds: .max), &directives)
            #expect(node.epoch > durable.epoch || durable.epoch >= Liveness.epochMax - 1)
        }
        #expect(startedCount > 0 && startedCount < Self.count)
        print("liveness: fuzz of \(Self.count) disks: \(startedCount) started from")
    }
}
