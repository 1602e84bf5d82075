import Foundation
import Gateway
import Payments
import Primitives
import Testing

/// No bytes of a peer end the process, and what is read of them can be written and read again.
@Suite struct MerchantWireFuzzTests {
    private static let asks = WireSamples.asks.map { $0.ask }

    /// What is read of an ask's bytes, written again.
    private static func rewritten(ask bytes: [UInt8]) throws(DecodingError) -> [UInt8] {
        let ask = try MerchantAsk(encoded: bytes, deadline: WireSamples.deadline)
        return ask.encoded()
    }

    /// The same of an answer, which also meets every ask.
    private static func rewritten(answer bytes: [UInt8]) throws(DecodingError) -> [UInt8] {
        let answer = try MerchantAnswer(encoded: bytes)
        for ask in asks { _ = answer.fits(ask) }
        if case .query(let reply) = answer {
            for case .query(.payments(let page), _, _) in asks {
                _ = reply.cut(for: page, toByteCount: 1000)
            }
        }
        return answer.encoded()
    }

    private static func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
            // Behind version and tag, mostly, so that they reach the parts.
            let first = bytes.count > 2 && random.chance(15, in: 16) ? 2 : 0
            let place = Int.random(in: first..<bytes.count, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes[place] = UInt8.random(in: 0..<12, using: &random)
            case 3: bytes.removeLast(bytes.count - place)
            case 4: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 5: bytes.remove(at: place)
            default:
                // The highest number that a varint holds.
                bytes.replaceSubrange(
                    place...place, with: [UInt8](repeating: 0xFF, count: 9) + [1])
            }
        }
        return bytes
    }

    @Test("mutated messages are refused, or come back the same once they were read")
    func mutations() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000
        var random = SeededRandom(seed: 0xE1)
        let asks = Self.asks.map { $0.encoded() }
        let answers = WireSamples.answers.map { $0.answer.encoded() }
        for (kind, valid, rewritten) in [
            ("asks", asks, Self.rewritten(ask:)), ("answers", answers, Self.rewritten(answer:)),
        ] {
            var takenCount = 0
            var refusedCount = 0
            for _ in 0..<count {
                let base = valid[Int.random(in: valid.indices, using: &random)]
                let bytes = Self.mutated(base, &random)
                let again: [UInt8]
                do throws(DecodingError) {
                    again = try rewritten(bytes)
                } catch {
                    refusedCount += 1
                    continue
                }
                takenCount += 1
                #expect(try rewritten(again) == again)
            }
            print("wire: fuzz of \(count) \(kind): \(takenCount) taken, \(refusedCount) refused")
            #expect(takenCount > 0 && refusedCount > 0)
        }
    }

    @Test("bytes by chance are refused, with and without the front of a message")
    func noise() {
        var random = SeededRandom(seed: 0xE2)
        for length in 64..<600 {
            let noise = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            for front in [[], [1], [1, 1], [1, 2], [1, 3], [1, 4], [1, 4, 2, 0]] as [[UInt8]] {
                #expect(throws: DecodingError.self) { try Self.rewritten(ask: front + noise) }
                #expect(throws: DecodingError.self) { try Self.rewritten(answer: front + noise) }
            }
        }
    }
}
