import Primitives
import Synchronization
import Testing

private final class SeededSource: RandomSource {
    private let random: Mutex<SeededRandom>

    init(seed: UInt64) {
        random = Mutex(SeededRandom(seed: seed))
    }

    func next() -> UInt64 { random.withLock { $0.next() } }
}

@Suite("Identifiers")
struct IdentifierTests {
    @Test("a stem says its slot, whatever the slot is")
    func slots() {
        let source = SeededSource(seed: 1)
        var seen: Set<String> = []
        for value in stride(from: 0, to: Slot.count, by: 37) {
            let stem = IdentifierStem(slot: Slot(value)!, random: source)
            #expect(stem.slot.rawValue == value)
            #expect(stem.text.utf8.count == IdentifierStem.characterCount)
            #expect(IdentifierStem(stem.text) == stem)
            seen.insert(stem.text)
        }
        #expect(seen.count == (Slot.count + 36) / 37)
        #expect(IdentifierStem("vvvAAAAAAAAAAAAAA")?.slot == Slot(Slot.count - 1))
        #expect(IdentifierStem("000AAAAAAAAAAAAAA")?.slot == Slot(0))
        #expect(IdentifierStem("010AAAAAAAAAAAAAA")?.slot == Slot(32))
    }

    @Test("what is not a stem is refused")
    func refusedStems() {
        let bad = [
            "", "000", "000AAAAAAAAAAAAA", "000AAAAAAAAAAAAAAA", "00wAAAAAAAAAAAAAA",
            "00AAAAAAAAAAAAAAA", "000AAAAAAAAAAAAA_", "000AAAAAAAAAAAAA ", "000AAAAAAAAAAAAAä",
            "000AAAAAAAAAAAAA\u{0}", "０00AAAAAAAAAAAAAA",
        ]
        for text in bad { #expect(IdentifierStem(text) == nil, "\(text)") }
    }

    @Test("slots are bounded, and every shard gets an equal range of them")
    func shards() {
        #expect(Slot(-1) == nil)
        #expect(Slot(Slot.count) == nil)
        for shardCount in [1, 3, 7, 64, Slot.count] {
            var counts = [Int](repeating: 0, count: shardCount)
            var last = 0
            for value in 0..<Slot.count {
                let shard = Slot(value)!.shard(of: shardCount)
                #expect(shard >= last)
                last = shard
                counts[shard] += 1
            }
            #expect(counts.max()! - counts.min()! <= 1)
        }
    }

    @Test("random digits are all used about equally")
    func distribution() {
        var counts: [Character: Int] = [:]
        for character in Base62.random(62_000, from: SeededSource(seed: 2)) {
            counts[character, default: 0] += 1
        }
        #expect(counts.count == 62)
        #expect(counts.values.allSatisfy { (850...1150).contains($0) })
    }

    @Test("digits of base 62 have their place as value, and nothing else has one")
    func base62() {
        for (value, digit) in Base62.alphabet.enumerated() {
            #expect(Base62.value(of: digit) == value)
        }
        let values = (UInt8.min...UInt8.max).compactMap { Base62.value(of: $0) }
        #expect(values.count == 62)
    }

    @Test("base 36 has a fixed width and drops what does not fit")
    func base36() {
        #expect(Base36.text(0, width: 3) == "000")
        #expect(Base36.text(35, width: 3) == "00Z")
        #expect(Base36.text(36, width: 3) == "010")
        #expect(Base36.text(46_655, width: 3) == "ZZZ")
        #expect(Base36.text(46_656, width: 3) == "000")
        #expect(Base36.text(.max, width: 13) == "3W5E11264SGSF")
    }
}
