import Liveness
import Primitives

/// Two nodes, what is on their disks, what was ever sent between them, and two clocks: one state
/// of the explorer.
///
/// Messages are a set that only grows, and each may be delivered at any time and any number of
/// times: so delay, loss, duplication and reordering are all in it. A pause is a node that is not
/// looked at while real time passes, a stalled disk a write that does not end.
struct ExploredPair: Hashable {
    struct Bounds: Sendable {
        var name: String
        /// Steps of real time.
        var stepCount: UInt8
        var crashCounts: [UInt8] = [0, 0]
        var jumpCounts: [UInt8] = [0, 0]
        /// How far a clock may jump: forward as far as can hide in a step, further, backward.
        var jumps: [Int64] = [11, longJump, -longJump]
        /// True for a node that asks for support; the other one has its start's round only.
        var isAsking: [Bool]
        /// What a step of real time may add to the two clocks.
        var rates: [[Int64]] = [[10, 11], [11, 10], [10, 10], [11, 11]]
        var stepMax: Int64 = 11
        var supportDuration: Int64 = 22
        var heartbeatInterval: Int64 = 11
        /// Heartbeats of later rounds are lost.
        var roundCountMax: UInt64 = 3

        /// True for a node that supports nobody: a look at its clock changes nothing that a reader
        /// could see, so that it looks at each step.
        func looksAlways(_ index: Int) -> Bool {
            isAsking[index] && !isAsking[1 - index]
        }
    }

    struct Node: Hashable {
        /// Nil while it is down.
        var liveness: Liveness?
        var clock: Int64 = 0
        var disk: DurableLiveness?
        var write: Write?
        var crashCount: UInt8 = 0
        var jumpCount: UInt8 = 0
    }

    struct Write: Hashable {
        let token: UInt64
        let durable: DurableLiveness
    }

    static let members = [MemberID(1), MemberID(2)]
    static let cluster = ClusterID(7)
    /// A jump that no number of steps makes up for.
    static let longJump: Int64 = 100_000

    var stepCount: UInt8 = 0
    var nodes: [Node]
    /// Indices of `messages` of the explorer, rising.
    var sent: [UInt16] = []

    static func options(_ bounds: Bounds, _ index: Int) -> Liveness.Options {
        let isAsking = bounds.isAsking[index]
        return Liveness.Options(
            heartbeatInterval: .nanoseconds(isAsking ? bounds.heartbeatInterval : longJump),
            supportDuration: .nanoseconds(isAsking ? bounds.supportDuration : longJump),
            supportDurationMax: .nanoseconds(longJump),
            stepMax: .nanoseconds(bounds.stepMax),
            // Twice five per cent: 10/11 is just within.
            clockRateErrorMaxPartsPerMillion: 50_000)
    }

    func now(_ index: Int) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: nodes[index].clock)
    }
}

/// Walks every state within the bounds, depth first, and holds each against the promises.
struct PairExplorer {
    let bounds: ExploredPair.Bounds
    private(set) var stateCount = 0
    private(set) var transitionCount = 0
    /// States in which a lease counts, and those in which a withdrawal is on disk: proof that both
    /// were visited.
    private(set) var leasedCount = 0
    private(set) var withdrawnCount = 0
    private(set) var violations: [String] = []
    private var messages: [LivenessMessage] = []
    private var numbers: [LivenessMessage: UInt16] = [:]
    /// A hash of each state visited instead of the state: among ten million states two share one
    /// with a chance of three in a million, and each run hashes differently.
    private var seen: Set<Int> = []
    private var stack: [ExploredPair] = []

    init(_ bounds: ExploredPair.Bounds) {
        self.bounds = bounds
    }

    mutating func explore() {
        var start = ExploredPair(nodes: [ExploredPair.Node(), ExploredPair.Node()])
        for index in start.nodes.indices { restart(&start, index) }
        // The first start is over; later ones come with crashes.
        for index in start.nodes.indices { store(&start, index) }
        visit(start)
        while let pair = stack.popLast(), violations.count < 5 {
            for index in pair.nodes.indices { expand(pair, index) }
            guard pair.stepCount < bounds.stepCount else { continue }
            for steps in bounds.rates {
                var next = pair
                next.stepCount += 1
                for index in next.nodes.indices {
                    next.nodes[index].clock += steps[index]
                    guard bounds.looksAlways(index) else { continue }
                    act(&next, index) { $0.onTick(now: $1, &$2) }
                }
                visit(next)
            }
        }
        stateCount = seen.count
    }

    /// What was explored, for a line of its own.
    var summary: String {
        "\(bounds.name), \(bounds.stepCount) steps: \(stateCount) states, "
            + "\(transitionCount) transitions, \(leasedCount) with a lease, "
            + "\(withdrawnCount) with a withdrawal; frontier exhausted"
    }

    private mutating func visit(_ pair: ExploredPair) {
        transitionCount += 1
        guard seen.insert(pair.hashValue).inserted else { return }
        check(pair)
        stack.append(pair)
    }

    /// All that can happen to one node while no time passes.
    private mutating func expand(_ pair: ExploredPair, _ index: Int) {
        jump(pair, index)
        guard pair.nodes[index].liveness != nil else {
            var next = pair
            restart(&next, index)
            visit(next)
            return
        }
        var ticked = pair
        act(&ticked, index) { $0.onTick(now: $1, &$2) }
        visit(ticked)
        if pair.nodes[index].write != nil {
            var next = pair
            store(&next, index)
            visit(next)
        }
        for number in pair.sent where messages[Int(number)].to == ExploredPair.members[index] {
            let message = messages[Int(number)]
            var next = pair
            act(&next, index) { _ = $0.onMessage(message, now: $1, &$2) }
            visit(next)
        }
        if pair.nodes[index].crashCount < bounds.crashCounts[index] { crash(pair, index) }
    }

    /// The write on its way is lost, or it was done and nobody heard of it.
    private mutating func crash(_ pair: ExploredPair, _ index: Int) {
        var next = pair
        next.nodes[index].liveness = nil
        next.nodes[index].crashCount += 1
        next.nodes[index].write = nil
        visit(next)
        if let write = pair.nodes[index].write, write.durable != pair.nodes[index].disk {
            next.nodes[index].disk = write.durable
            visit(next)
        }
    }

    private mutating func store(_ pair: inout ExploredPair, _ index: Int) {
        let write = pair.nodes[index].write!
        expectRising(from: pair.nodes[index].disk, to: write.durable)
        pair.nodes[index].disk = write.durable
        pair.nodes[index].write = nil
        act(&pair, index) { $0.onPersisted(token: write.token, now: $1, &$2) }
    }

    private mutating func jump(_ pair: ExploredPair, _ index: Int) {
        guard pair.nodes[index].jumpCount < bounds.jumpCounts[index] else { return }
        for distance in bounds.jumps {
            var next = pair
            next.nodes[index].clock += distance
            next.nodes[index].jumpCount += 1
            visit(next)
        }
    }

    private mutating func restart(_ pair: inout ExploredPair, _ index: Int) {
        let now = pair.now(index)
        var directives: [Liveness.Directive] = []
        var liveness = Liveness(
            cluster: ExploredPair.cluster, member: ExploredPair.members[index],
            durable: pair.nodes[index].disk, options: ExploredPair.options(bounds, index), now: now)
        try! liveness.setPeers(ExploredPair.members, now: now, &directives)
        liveness.onStart(now: now, &directives)
        pair.nodes[index].liveness = liveness
        obey(directives, &pair, index)
    }

    private mutating func act(
        _ pair: inout ExploredPair, _ index: Int,
        _ body: (inout Liveness, MonotonicInstant, inout [Liveness.Directive]) -> Void
    ) {
        guard pair.nodes[index].liveness != nil else { return }
        var directives: [Liveness.Directive] = []
        body(&pair.nodes[index].liveness!, pair.now(index), &directives)
        // What is measured of clocks has no say in what is explored.
        pair.nodes[index].liveness!.forgetClocks()
        obey(directives, &pair, index)
        prune(&pair, index)
    }

    /// Replies that this node, and every later life of it, will ignore: their epochs only rise, and
    /// within an epoch a round is forgotten once.
    private func prune(_ pair: inout ExploredPair, _ index: Int) {
        guard let disk = pair.nodes[index].disk, let liveness = pair.nodes[index].liveness
        else { return }
        pair.sent.removeAll { number in
            let message = messages[Int(number)]
            guard message.to == liveness.member else { return false }
            switch message.body {
            case .heartbeat: return false
            case .reply(.supported(let epoch), let round, _, _):
                return epoch < disk.epoch
                    || epoch == liveness.epoch && !liveness.awaitsReplies(to: round)
            case .reply(.outdated(let epoch), _, _, _): return epoch <= disk.epoch
            }
        }
    }

    private mutating func obey(
        _ directives: [Liveness.Directive], _ pair: inout ExploredPair, _ index: Int
    ) {
        for directive in directives {
            switch directive {
            case .persist(let token, let durable):
                expect(pair.nodes[index].write == nil, "two writes at once", pair)
                pair.nodes[index].write = .init(token: token, durable: durable)
            case .send(let message): send(message, &pair, index)
            case .supportGained, .supportLost, .supportWithdrawn: break
            }
        }
    }

    private mutating func send(
        _ message: LivenessMessage, _ pair: inout ExploredPair, _ index: Int
    ) {
        var message = message
        switch message.body {
        case .heartbeat(_, let round, _):
            guard bounds.isAsking[index], round <= bounds.roundCountMax else { return }
        case .reply(let answer, let round, let life, _):
            // The time is for measuring only.
            message = LivenessMessage(
                cluster: message.cluster, from: message.from, to: message.to,
                body: .reply(
                    answer, round: round, life: life, time: MonotonicInstant(nanoseconds: 0)))
        }
        let number = numbers[message] ?? UInt16(messages.count)
        if numbers[message] == nil {
            numbers[message] = number
            messages.append(message)
        }
        guard !pair.sent.contains(number) else { return }
        let place = pair.sent.firstIndex { $0 > number } ?? pair.sent.endIndex
        pair.sent.insert(number, at: place)
    }

    private mutating func check(_ pair: ExploredPair) {
        for (asker, supporter) in [(0, 1), (1, 0)] {
            checkLease(pair, asker, supporter)
            let disk = pair.nodes[supporter].disk?.supported(ExploredPair.members[asker])
            if let liveness = pair.nodes[supporter].liveness {
                let given = liveness.table.given(to: ExploredPair.members[asker])
                expect(given == disk, "readers see other than the disk holds", pair)
            }
            if pair.nodes[supporter].disk?.hasWithdrawn(ExploredPair.members[asker]) == true {
                withdrawnCount += 1
            }
        }
    }

    /// The promise: a lease that counts is a promise on disk.
    private mutating func checkLease(_ pair: ExploredPair, _ asker: Int, _ supporter: Int) {
        guard let liveness = pair.nodes[asker].liveness,
            let received = liveness.table.received(from: ExploredPair.members[supporter]),
            pair.now(asker) >= liveness.lastSeen, pair.now(asker) < received.until
        else { return }
        leasedCount += 1
        let disk = pair.nodes[supporter].disk?.supported(ExploredPair.members[asker])
        expect(received.epoch == liveness.epoch, "a lease under another epoch", pair)
        expect(disk == received.epoch, "a lease without a promise: disk \(disk ?? 0)", pair)
    }

    private mutating func expectRising(from old: DurableLiveness?, to new: DurableLiveness) {
        guard let old else { return }
        let isRising =
            new.epoch >= old.epoch && new.floor >= old.floor
            && old.rows.allSatisfy { row in
                let next = new.rows.first { $0.member == row.member }
                guard let next else { return false }
                return next.epoch >= row.epoch
                    && (next.epoch > row.epoch || row.promise == .withdrawn
                        || next.promise != .withdrawn)
            }
        if !isRising { violations.append("the disk went back: from \(old) to \(new)") }
    }

    private mutating func expect(_ holds: Bool, _ claim: String, _ pair: ExploredPair) {
        if !holds { violations.append("\(claim): \(pair)") }
    }
}

extension DurableLiveness {
    /// The epoch under which the member is supported.
    func supported(_ member: MemberID) -> SupportEpoch? {
        guard let row = rows.first(where: { $0.member == member }) else { return nil }
        switch row.promise {
        case .supporting: return row.epoch
        case .withdrawn: return nil
        }
    }

    func hasWithdrawn(_ member: MemberID) -> Bool {
        rows.contains { $0.member == member && $0.promise == .withdrawn }
    }
}
