import Liveness
import Primitives

/// Nodes with clocks, disks and a network that a seed drives, held against the truth at each step.
struct World {
    enum Event {
        case deliver(LivenessMessage)
        case fault
    }

    struct Profile {
        var nodeCount = 5
        /// Rare heartbeats, so that little of what is lost is made good by the next.
        var options = Liveness.Options(
            heartbeatInterval: .milliseconds(500), stepMax: .milliseconds(500),
            clockWindowMin: .seconds(4), clockWindow: .seconds(8))
        /// Half of the declared error on either side of real time is the whole of it between two.
        var rateErrorMax: Int64 = 2400
        /// The rate of the last node, when it is to be another one.
        var strangerRate: Int64?
        /// True when only leases of a trusted clock count.
        var needsTrust = false
    }

    static let cluster = ClusterID(9)
    static let second: Int64 = 1_000_000_000
    static let millisecond: Int64 = 1_000_000

    let profile: Profile
    let members: [MemberID]
    var random: SeededRandom
    var nodes: [WorldNode] = []
    var now: Int64 = 0
    /// By rising time, and among equals in order of insertion.
    private var events: [(at: Int64, number: UInt64, event: Event)] = []
    private var eventNumber: UInt64 = 0
    var isFaulty = false
    private(set) var stepCount = 0
    private(set) var leaseCount = 0
    private(set) var withdrawalCount = 0
    private(set) var sentCount = 0
    private(set) var receptions: [Liveness.Reception: Int] = [:]
    private(set) var violations: [String] = []
    private var directives: [Liveness.Directive] = []

    init(seed: UInt64, _ profile: Profile = Profile()) {
        self.profile = profile
        random = SeededRandom(seed: seed)
        members = (1...profile.nodeCount).map { MemberID(UInt64($0)) }
        for index in 0..<profile.nodeCount {
            var rate = Int64.random(
                in: -profile.rateErrorMax...profile.rateErrorMax, using: &random)
            if index == profile.nodeCount - 1, let stranger = profile.strangerRate {
                rate = stranger
            }
            let clockMax = 1_000_000 * Self.second
            let clock = Int64.random(in: -clockMax...clockMax, using: &random)
            nodes.append(WorldNode(clock: clock, ratePartsPerMillion: rate))
        }
        for index in nodes.indices { start(index) }
    }

    /// Lets real time pass until `end`, event by event.
    mutating func run(until end: Int64) {
        while violations.isEmpty, let next = nextTime(), next <= end {
            now = max(now, next)
            stepCount += 1
            perform()
        }
        now = end
        checkAll()
    }

    mutating func schedule(_ event: Event, at: Int64) {
        eventNumber += 1
        var index = events.endIndex
        while index > 0, events[index - 1].at > at { index -= 1 }
        events.insert((at, eventNumber, event), at: index)
    }

    /// The earliest moment at which anything is due: an event, or something of a node.
    private func nextTime() -> Int64? {
        var earliest = events.first?.at ?? .max
        for node in nodes { earliest = min(earliest, node.due) }
        return earliest == .max ? nil : earliest
    }

    /// When the node has something to do by itself, kept beside it as it is asked for at each step.
    mutating func reckonDue(_ index: Int) {
        nodes[index].due = dueTime(nodes[index])
    }

    private func dueTime(_ node: WorldNode) -> Int64 {
        guard let liveness = node.liveness else { return node.downUntil }
        var due = Int64.max
        if let write = node.write { due = max(write.doneAt, node.stalledUntil) }
        if let deadline = liveness.nextDeadline {
            due = min(due, node.real(of: deadline, after: now))
        }
        return max(due, node.pausedUntil)
    }

    private mutating func perform() {
        if let first = events.first, first.at <= now {
            events.removeFirst()
            switch first.event {
            case .deliver(let message): deliver(message)
            case .fault: injectFault()
            }
            return
        }
        if let index = nodes.firstIndex(where: { $0.due <= now }) { wake(index) }
    }

    private mutating func wake(_ index: Int) {
        guard nodes[index].liveness != nil else { return start(index) }
        if let write = nodes[index].write, max(write.doneAt, nodes[index].stalledUntil) <= now {
            withdrawalCount += write.durable.rows.count { row in
                row.promise == .withdrawn && nodes[index].disk?.supported(row.member) != nil
            }
            nodes[index].disk = write.durable
            nodes[index].write = nil
            call(index) { $0.onPersisted(token: write.token, now: $1, &$2) }
        } else {
            call(index) { $0.onTick(now: $1, &$2) }
        }
    }

    private mutating func deliver(_ message: LivenessMessage) {
        let index = Int(message.to.rawValue) - 1
        guard nodes[index].liveness != nil else { return }
        guard nodes[index].pausedUntil <= now else {
            return schedule(.deliver(message), at: nodes[index].pausedUntil)
        }
        var reception = Liveness.Reception.taken
        call(index) { reception = $0.onMessage(message, now: $1, &$2) }
        receptions[reception, default: 0] += 1
    }

    private mutating func start(_ index: Int) {
        let clock = nodes[index].now(now)
        var liveness = Liveness(
            cluster: Self.cluster, member: members[index], durable: nodes[index].disk,
            options: profile.options, now: clock)
        directives.removeAll(keepingCapacity: true)
        try! liveness.setPeers(members, now: clock, &directives)
        nodes[index].liveness = liveness
        call(index) { $0.onStart(now: $1, &$2) }
    }

    mutating func crash(_ index: Int, for duration: Int64) {
        guard nodes[index].liveness != nil else { return }
        nodes[index].liveness = nil
        // The write on its way may be done all the same.
        if let write = nodes[index].write, random.chance(1, in: 2) {
            nodes[index].disk = write.durable
        }
        nodes[index].write = nil
        nodes[index].pausedUntil = now
        nodes[index].downUntil = now + duration
        reckonDue(index)
        check(index)
    }

    private mutating func call(
        _ index: Int,
        _ body: (inout Liveness, MonotonicInstant, inout [Liveness.Directive]) -> Void
    ) {
        directives.removeAll(keepingCapacity: true)
        let clock = nodes[index].now(now)
        body(&nodes[index].liveness!, clock, &directives)
        for directive in directives {
            switch directive {
            case .persist(let token, let durable):
                let delay = Int64.random(in: 100_000...4 * Self.millisecond, using: &random)
                nodes[index].write = .init(token: token, durable: durable, doneAt: now + delay)
            case .send(let message): send(message)
            case .supportGained, .supportLost, .supportWithdrawn: break
            }
        }
        reckonDue(index)
        check(index)
    }

    private mutating func send(_ message: LivenessMessage) {
        sentCount += 1
        var copyCount = 1
        if isFaulty {
            if random.chance(1, in: 8) { copyCount = 0 }
            if random.chance(1, in: 16) { copyCount = 2 }
        }
        for _ in 0..<copyCount {
            var delay = Int64.random(in: 100_000...5 * Self.millisecond, using: &random)
            if isFaulty, random.chance(1, in: 6) {
                delay = Int64.random(in: 0...6 * Self.second, using: &random)
            }
            schedule(.deliver(message), at: now + delay)
        }
    }

    private mutating func checkAll() {
        for index in nodes.indices { check(index) }
    }

    /// Every lease that this node holds or has given, against what is on the disks.
    private mutating func check(_ index: Int) {
        for other in nodes.indices where other != index {
            checkLease(of: index, from: other)
            checkLease(of: other, from: index)
        }
    }

    private mutating func checkLease(of asker: Int, from supporter: Int) {
        guard let liveness = nodes[asker].liveness,
            let received = liveness.table.received(from: members[supporter])
        else { return }
        let clock = nodes[asker].now(now)
        guard clock >= liveness.lastSeen, clock < received.until,
            received.isClockTrusted || !profile.needsTrust
        else { return }
        leaseCount += 1
        let promised = nodes[supporter].disk?.supported(members[asker])
        let given = nodes[supporter].liveness?.table.given(to: members[asker])
        let isBound = nodes[supporter].liveness == nil || given == received.epoch
        guard promised == received.epoch, isBound, liveness.epoch == received.epoch else {
            let text =
                "\(members[asker]) counts on \(received) of \(members[supporter]), "
                + "promised \(promised ?? 0), given \(given ?? 0)"
            violations.append(text)
            return
        }
    }

    /// True when everybody up supports, and is supported by, everybody else.
    var isWhole: Bool {
        holdsForAllPairs { received, clock in clock < received.until }
    }

    func trusts(_ asker: Int, _ supporter: Int) -> Bool {
        nodes[asker].liveness?.table.received(from: members[supporter])?.isClockTrusted == true
    }

    private func holdsForAllPairs(
        _ condition: (SupportTable.Received, MonotonicInstant) -> Bool
    ) -> Bool {
        nodes.indices.allSatisfy { asker in
            guard let liveness = nodes[asker].liveness else { return false }
            let clock = nodes[asker].now(now)
            return nodes.indices.allSatisfy { supporter in
                guard asker != supporter else { return true }
                guard let received = liveness.table.received(from: members[supporter]) else {
                    return false
                }
                return condition(received, clock)
            }
        }
    }
}
