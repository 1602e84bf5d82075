import Primitives
import Resilience
import Testing

/// Three nodes and the owner of a link, each with a clock of its own that starts anywhere and runs
/// up to 0.5 % too fast or too slow; messages between them are lost, repeated and overtaken; nodes
/// and the owner start anew. Time is nanoseconds that nobody in this world can read.
private struct ProbeWorld {
    struct Clock {
        let offset: Int64
        let partsPerMillion: Int64

        init(_ random: inout SeededRandom) {
            offset = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
            partsPerMillion = Int64.random(in: -5000...5000, using: &random)
        }

        func instant(_ time: Int64) -> MonotonicInstant {
            MonotonicInstant(
                nanoseconds: offset + time + time * partsPerMillion / 1_000_000)
        }
    }

    struct Node {
        var clock: Clock
        var life: UInt64
        var breaker: CircuitBreaker
    }

    /// A probe on the link: until its outcome is told, or its node holds it for lost.
    struct Probe {
        let token: CircuitBreaker.Token
        let node: Int
        let life: UInt64
        let clock: Clock
        let ends: MonotonicInstant
    }

    enum Message {
        case ask(node: Int, life: UInt64, count: Int, askedAt: MonotonicInstant)
        case grant(node: Int, life: UInt64, ProbeTable.Grant, askedAt: MonotonicInstant)
        case giveBack(node: Int, life: UInt64, number: ProbeTable.Number)
    }

    let placeCount: Int
    let policy: BreakerPolicy
    let lifetime: Duration
    var time: Int64 = 0
    var ownerClock: Clock
    var table: ProbeTable
    var nodes: [Node] = []
    var probes: [Probe] = []
    var messages: [Message] = []
    var term: UInt64 = 1
    var probeCount = 0

    init(_ random: inout SeededRandom) throws {
        placeCount = Int.random(in: 1...4, using: &random)
        policy = try BreakerPolicy(
            consecutiveFailureCount: 1, openDurationMin: .milliseconds(1),
            openDurationMax: .milliseconds(2), probeCountMax: Int.random(in: 1...4, using: &random),
            probeSuccessCount: Int.random(in: 1...8, using: &random),
            probeLifetime: .milliseconds(Int.random(in: 1...20, using: &random)),
            probePlaces: .cluster)
        lifetime = policy.probeLifetime + .milliseconds(Int.random(in: 1...20, using: &random))
        ownerClock = Clock(&random)
        table = ProbeTable(
            placeCount: placeCount, lifetime: lifetime, term: term, at: ownerClock.instant(0))!
        // Past the first owner's silence, so that a short string is spent on what follows.
        time = lifetime.wholeNanoseconds * 2
        for _ in 0..<3 {
            let clock = Clock(&random)
            nodes.append(
                Node(
                    clock: clock, life: random.next(),
                    breaker: CircuitBreaker(policy: policy, at: clock.instant(time))))
        }
    }

    mutating func step(_ random: inout SeededRandom) {
        time += Int64.random(in: 0...1_000_000, using: &random)
        let index = Int.random(in: 0..<3, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: call(index, &random)
        case 45..<60: answer(&random)
        case 60..<90: deliver(&random)
        case 90..<98: giveBack(index)
        case 98:
            nodes[index].life = random.next()
            nodes[index].breaker = CircuitBreaker(
                policy: policy, at: nodes[index].clock.instant(time))
        default:
            ownerClock = Clock(&random)
            term += 1
            table = ProbeTable(
                placeCount: placeCount, lifetime: lifetime, term: term,
                at: ownerClock.instant(time))!
            // Half of the silence, so that a short string is not spent on it.
            time += lifetime.wholeNanoseconds / 2
        }
    }

    private mutating func call(_ index: Int, _ random: inout SeededRandom) {
        let now = nodes[index].clock.instant(time)
        let (admission, _) = nodes[index].breaker.admit(at: now, chance: random.next())
        switch admission {
        case .allowed(let token) where token.isProbe:
            probeCount += 1
            probes.append(
                Probe(
                    token: token, node: index, life: nodes[index].life,
                    clock: nodes[index].clock, ends: now + policy.probeLifetime))
        case .allowed(let token):
            _ = nodes[index].breaker.record(token, .failure, at: now, chance: random.next())
        case .rejected(.probeLeaseNeeded):
            messages.append(
                .ask(
                    node: index, life: nodes[index].life,
                    count: nodes[index].breaker.leaseWanted(at: now), askedAt: now))
        case .rejected:
            break
        }
    }

    private mutating func answer(_ random: inout SeededRandom) {
        guard let index = probes.indices.randomElement(using: &random) else { return }
        let probe = probes.remove(at: index)
        guard nodes[probe.node].life == probe.life else { return }
        _ = nodes[probe.node].breaker.record(
            probe.token, random.chance(2, in: 3) ? .success : .failure,
            at: nodes[probe.node].clock.instant(time), chance: random.next())
    }

    private mutating func deliver(_ random: inout SeededRandom) {
        guard let index = messages.indices.randomElement(using: &random) else { return }
        let message = messages[index]
        if random.chance(4, in: 5) { messages.remove(at: index) }
        if random.chance(1, in: 10) { return }
        switch message {
        case .ask(let node, let life, let count, let askedAt):
            let holder = ProbeTable.Holder(member: MemberID(UInt64(node)), life: life)
            let answer = table.ask(holder, for: count, at: ownerClock.instant(time))
            guard case .granted(let grant) = answer else { return }
            messages.append(.grant(node: node, life: life, grant, askedAt: askedAt))
        case .grant(let node, let life, let grant, let askedAt):
            guard nodes[node].life == life else { return }
            nodes[node].breaker.accept(ProbeLease(grant, askedAt: askedAt))
        case .giveBack(let node, let life, let number):
            table.giveBack(
                ProbeTable.Holder(member: MemberID(UInt64(node)), life: life), number: number)
        }
    }

    private mutating func giveBack(_ index: Int) {
        let now = nodes[index].clock.instant(time)
        guard let number = nodes[index].breaker.giveBackLease(at: now) else { return }
        messages.append(.giveBack(node: index, life: nodes[index].life, number: number))
    }

    /// Probes on the link at this moment.
    mutating func underWay() -> Int {
        probes.removeAll { $0.clock.instant(time) >= $0.ends }
        return probes.count
    }
}

@Suite("Probes of a whole cluster")
struct ProbeWorldTests {
    @Test("are never more than the owner's places, in 50,000 strings of events")
    func bounded() {
        var (probeCount, fullCount) = (0, 0)
        runStrings("probe world", count: 50_000) { seed, random in
            var world = try ProbeWorld(&random)
            let count = 100
            for event in 0..<count {
                world.step(&random)
                let underWay = world.underWay()
                if underWay == world.placeCount { fullCount += 1 }
                guard underWay <= world.placeCount else {
                    throw Mismatch(
                        seed: seed, event: event,
                        what: "\(underWay) probes on the link, of \(world.placeCount)")
                }
            }
            probeCount += world.probeCount
            return count
        }
        print("    \(probeCount) probes; all places taken after \(fullCount) events")
        #expect(probeCount > 50_000)
        #expect(fullCount > 100_000)
    }
}
