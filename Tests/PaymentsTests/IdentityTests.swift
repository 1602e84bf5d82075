import Payments
import Primitives
import Testing

@Suite("Traces")
struct TraceTests {
    private func trace(_ shard: UInt32, _ sequence: UInt64) -> ProcessorTrace {
        ProcessorTrace(
            link: "east", shard: shard, sequence: sequence, transmittedAt: Fixture.start)
    }

    @Test("terminal and number together do not repeat over three million messages")
    func unique() {
        var seen: Set<String> = []
        var references: Set<String> = []
        var count = 0
        func take(_ sequence: UInt64) {
            let trace = trace(7, sequence)
            seen.insert("\(trace.terminal) \(trace.stan)")
            references.insert(trace.reference)
            count += 1
        }
        for sequence in stride(from: UInt64(0), to: 3_000_000, by: 101) { take(sequence) }
        // The numbers around each wrap are taken whole.
        for wrap in [UInt64(999_999), 1_999_998, 2_999_997] {
            for sequence in (wrap - 300)...(wrap + 300) where sequence % 101 != 0 {
                take(sequence)
            }
        }
        #expect(seen.count == count)
        #expect(references.count == count)
    }

    @Test("the parts have the widths of their fields")
    func parts() {
        #expect(trace(7, 0).stan == 1)
        #expect(trace(7, 0).terminal == "00700000")
        #expect(trace(7, 0).reference == "007000000000")
        #expect(trace(7, 999_998).stan == 999_999)
        #expect(trace(7, 999_999).stan == 1)
        #expect(trace(7, 999_999).terminal == "00700001")
        #expect(trace(46_655, 35).reference == "ZZZ00000000Z")
        for sequence in [UInt64(0), 1, 1_000_000_007, .max] {
            #expect(trace(46_655, sequence).terminal.utf8.count == 8)
            #expect(trace(46_655, sequence).reference.utf8.count == 12)
            #expect((1...999_999).contains(trace(1, sequence).stan))
        }
        #expect(trace(1, 5).terminal != trace(2, 5).terminal)
    }

    @Test("an allocator hands them out in order")
    func allocator() {
        var allocator = TraceAllocator(shard: 7, next: 41)
        let first = allocator.allocate(link: "east", at: Fixture.start)
        let second = allocator.allocate(link: "west", at: Fixture.start)
        #expect([first.sequence, second.sequence, allocator.next] == [41, 42, 43])
        #expect([first.link, second.link] == ["east", "west"])
    }
}

@Suite("Ids")
struct IdTests {
    private let stem = "0a1ABCDEFGHabcdef"

    @Test("are read as they are printed")
    func printing() {
        #expect("\(Fixture.payment)" == "pi_\(stem)")
        #expect(PaymentID("pi_\(stem)") == Fixture.payment)
        #expect(MerchantID("acct_\(stem)")?.description == "acct_\(stem)")
        #expect(PaymentMethodID("pm_\(stem)")?.description == "pm_\(stem)")
        for number in 0..<PartID.countMax {
            let part = PartID(payment: Fixture.payment, number: number)
            let text = part.text(prefix: "ch_")
            #expect(text.utf8.count == 21)
            #expect(PartID(prefix: "ch_", text) == part)
            #expect(PartID(prefix: "re_", text) == nil)
        }
        let random = SeededSource(seed: 4)
        for _ in 0..<1000 {
            let id = PaymentID(stem: IdentifierStem(slot: Slot(4711)!, random: random))
            #expect(PaymentID("\(id)") == id)
            #expect(id.stem.slot == Slot(4711))
        }
    }

    @Test("of another kind, shape or alphabet are refused")
    func refused() {
        let bad = [
            "", "pi_", stem, "pm_\(stem)", "PI_\(stem)", "pi_\(stem)x", "pi_\(stem.dropLast())",
            " pi_\(stem)", "pi_\(stem) ", "pi_\(stem.dropLast())é", "pi_\(stem.dropLast())\u{301}",
            "pi_\u{301}\(stem)", "pi_zzz\(stem.dropFirst(3))",
        ]
        for text in bad { #expect(PaymentID(text) == nil, "\(text)") }
        let badParts = [
            "", "ch_", "ch_\(stem)", "ch_\(stem)00", "ch_\(stem)_", "ch_\(stem)\u{0600}5",
            "ch_\(stem)5\u{301}", "re_\(stem)5", "ch_5",
        ]
        for text in badParts { #expect(PartID(prefix: "ch_", text) == nil, "\(text)") }
    }

    @Test("are ordered as their text is")
    func order() {
        let small = PaymentID("pi_0a1AAAAAAAAAAAAAA")!
        #expect(small < Fixture.payment)
        #expect("\(small)" < "\(Fixture.payment)")
    }
}
