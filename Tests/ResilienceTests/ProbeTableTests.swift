import Primitives
import Resilience
import Testing

private func holder(_ member: UInt64, life: UInt64 = 1) -> ProbeTable.Holder {
    ProbeTable.Holder(member: MemberID(member), life: life)
}

private func number(_ count: UInt64) -> ProbeTable.Number {
    ProbeTable.Number(term: 7, count: count)
}

/// What is free, by going through everything that ever happened.
private struct NaiveProbeTable {
    enum Entry {
        case granted(ProbeTable.Holder, Int, at: Int64, number: UInt64)
        case gaveBack(ProbeTable.Holder, UInt64)
    }

    let placeCount: Int
    /// How long a row is kept.
    let kept: Int64
    var history: [Entry] = []
    var holders: Set<ProbeTable.Holder> = []

    func row(_ wanted: ProbeTable.Holder, _ now: Int64) -> (places: Int, lapses: Int64) {
        var (places, lapses, last) = (0, Int64.min, UInt64(0))
        for entry in history {
            switch entry {
            case .granted(let holder, let count, let at, let number) where holder == wanted:
                places = lapses > at ? max(places, count) : count
                (lapses, last) = (at + kept, number)
            case .gaveBack(let holder, let number) where holder == wanted && number == last:
                lapses = .min
            case .granted, .gaveBack:
                continue
            }
        }
        return lapses > now ? (places, lapses) : (0, .max)
    }

    func free(for holder: ProbeTable.Holder, _ now: Int64) -> Int {
        placeCount - holders.filter { $0 != holder }.reduce(0) { $0 + row($1, now).places }
    }
}

@Suite("The places for probes of a cluster")
struct ProbeTableTests {
    @Test("a new owner grants nothing for a lifetime, then what is free")
    func transcript() throws {
        let start = MonotonicInstant(milliseconds: 0)
        var table = try #require(
            ProbeTable(placeCount: 3, lifetime: .milliseconds(1000), term: 7, at: start))
        func instant(_ milliseconds: Int64) -> MonotonicInstant {
            MonotonicInstant(milliseconds: 1011 + milliseconds)
        }
        let early = MonotonicInstant(milliseconds: 1000)
        #expect(
            table.ask(holder(1), for: 1, at: early)
                == .taken(retryAfter: .milliseconds(10) + .nanoseconds(1)))
        #expect(table.ask(holder(1), for: 0, at: instant(0)) == .impossible)
        #expect(
            table.ask(holder(1), for: 2, at: instant(0))
                == .granted(.init(placeCount: 2, lifetime: .seconds(1), number: number(1))))
        #expect(
            table.ask(holder(2), for: 2, at: instant(100))
                == .granted(.init(placeCount: 1, lifetime: .seconds(1), number: number(2))))
        #expect(
            table.ask(holder(3), for: 1, at: instant(200))
                == .taken(retryAfter: .milliseconds(810) + .nanoseconds(1)))
        // Another life of a member is another holder.
        #expect(
            table.ask(holder(1, life: 2), for: 1, at: instant(200))
                == .taken(retryAfter: .milliseconds(810) + .nanoseconds(1)))
        // A smaller wish keeps the places of the grant that may be in use.
        #expect(
            table.ask(holder(1), for: 1, at: instant(300))
                == .granted(.init(placeCount: 1, lifetime: .seconds(1), number: number(3))))
        #expect(table.takenCount(at: instant(300)) == 3)
        table.giveBack(holder(1), number: number(1))
        #expect(table.takenCount(at: instant(300)) == 3, "overtaken by a later grant")
        table.giveBack(holder(1), number: number(3))
        #expect(table.takenCount(at: instant(300)) == 1)
        #expect(table.takenCount(at: instant(1111)) == 0)
    }

    @Test("bounds out of reason are refused")
    func refused() {
        let now = MonotonicInstant(nanoseconds: 0)
        #expect(ProbeTable(placeCount: 0, lifetime: .seconds(1), term: 7, at: now) == nil)
        #expect(ProbeTable(placeCount: 65, lifetime: .seconds(1), term: 7, at: now) == nil)
        #expect(ProbeTable(placeCount: 1, lifetime: .zero, term: 7, at: now) == nil)
        #expect(ProbeTable(placeCount: 1, lifetime: .seconds(86_401), term: 7, at: now) == nil)
    }

    @Test("grants what going through the whole history says, in 100,000 strings of events")
    func sameAsModel() {
        runStrings("probe table", count: 100_000) { seed, random in
            let lifetime = Int64.random(in: 1...50, using: &random) * 1_000_000
            var table = ProbeTable(
                placeCount: Int.random(in: 1...5, using: &random),
                lifetime: .nanoseconds(lifetime), term: 7, at: MonotonicInstant(nanoseconds: 0))!
            let kept = lifetime + lifetime / 100 + 1
            var model = NaiveProbeTable(placeCount: table.placeCount, kept: kept)
            var (now, last) = (Int64(0), UInt64(0))
            let count = Int.random(in: 20...40, using: &random)
            for event in 0..<count {
                now += Int64.random(in: 0...20_000_000, using: &random)
                let instant = MonotonicInstant(nanoseconds: now)
                let who = holder(UInt64.random(in: 1...4, using: &random))
                if random.chance(1, in: 5) {
                    let old = UInt64.random(in: last.subtracted(3)...last, using: &random)
                    table.giveBack(who, number: number(old))
                    model.history.append(.gaveBack(who, old))
                    continue
                }
                let wanted = Int.random(in: 1...4, using: &random)
                let answer = table.ask(who, for: wanted, at: instant)
                let free = model.free(for: who, now)
                var expected: ProbeTable.Answer
                if now < kept {
                    expected = .taken(retryAfter: .nanoseconds(kept - now))
                } else if free < 1 {
                    let lapses = model.holders.map { model.row($0, now).lapses }.min()!
                    expected = .taken(retryAfter: .nanoseconds(lapses - now))
                } else {
                    last += 1
                    let places = min(free, wanted)
                    expected = .granted(
                        .init(
                            placeCount: places, lifetime: .nanoseconds(lifetime),
                            number: number(last)))
                    model.history.append(.granted(who, places, at: now, number: last))
                    model.holders.insert(who)
                }
                try require(answer, is: expected, "answer", seed: seed, event: event)
            }
            return count
        }
    }
}

extension UInt64 {
    fileprivate func subtracted(_ other: UInt64) -> UInt64 { self < other ? 0 : self - other }
}
