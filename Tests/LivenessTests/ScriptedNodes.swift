import Liveness
import Primitives

/// Nodes whose clocks, disks and network a script moves by hand.
///
/// Messages wait in `network` until they are delivered or dropped, and writes until they are
/// persisted. At each event every lease that counts is held against the disks.
struct ScriptedNodes {
    struct Node {
        /// Nil while it is down.
        var liveness: Liveness?
        var disk: DurableLiveness?
        var write: (token: UInt64, durable: DurableLiveness)?
        var isStalled = false
        var isPaused = false
        /// The node's own clock, in nanoseconds.
        var clock: Int64 = 0
        /// How much faster than real time it runs.
        var ratePartsPerMillion: Int64 = 0
    }

    static let cluster = ClusterID(7)
    static let millisecond: Int64 = 1_000_000
    /// How long a node that runs by itself waits at most before it looks at its deadline.
    static let stepMilliseconds: Int64 = 10

    /// What the scripts' times are told for, whatever the defaults are.
    static func options(
        clockRateErrorMaxPartsPerMillion: Int64 = 5000, clockWindow: Duration = .seconds(10)
    ) -> Liveness.Options {
        Liveness.Options(
            heartbeatInterval: .milliseconds(500), supportDuration: .seconds(2),
            stepMax: .milliseconds(500),
            clockRateErrorMaxPartsPerMillion: clockRateErrorMaxPartsPerMillion,
            clockWindowMin: clockWindow, clockWindow: clockWindow * 6)
    }

    var members: [MemberID] = []
    /// Parallel to `members`.
    var nodes: [Node] = []
    var network: [LivenessMessage] = []
    /// Ways on which everything is lost.
    var cuts: [(from: MemberID, to: MemberID)] = []
    var options = ScriptedNodes.options()
    var output: [String] = []
    var isQuiet = false
    /// False once a clock runs at another rate than the declared one: then only leases of trusted
    /// clocks count.
    var areRatesWithinBound = true

    mutating func say(_ text: String) {
        if !isQuiet { output.append(text) }
    }

    func now(_ index: Int) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: nodes[index].clock)
    }

    /// Neither down nor paused.
    func isAwake(_ index: Int) -> Bool {
        nodes[index].liveness != nil && !nodes[index].isPaused
    }

    // MARK: Lives

    mutating func start(_ index: Int) throws(Liveness.PeersRefusal) {
        var liveness = Liveness(
            cluster: Self.cluster, member: members[index], durable: nodes[index].disk,
            options: options, now: now(index))
        var directives: [Liveness.Directive] = []
        try liveness.setPeers(members, now: now(index), &directives)
        liveness.onStart(now: now(index), &directives)
        nodes[index].liveness = liveness
        obey(directives, index)
    }

    mutating func crash(_ index: Int, isWriteDone: Bool) {
        if isWriteDone, let write = nodes[index].write { nodes[index].disk = write.durable }
        nodes[index].write = nil
        nodes[index].liveness = nil
        nodes[index].isPaused = false
        check()
    }

    // MARK: Events of one node

    mutating func act(
        _ index: Int,
        _ body: (inout Liveness, MonotonicInstant, inout [Liveness.Directive]) throws -> Void
    ) rethrows {
        guard nodes[index].liveness != nil else { return }
        var directives: [Liveness.Directive] = []
        try body(&nodes[index].liveness!, now(index), &directives)
        obey(directives, index)
        check()
    }

    private mutating func obey(_ directives: [Liveness.Directive], _ index: Int) {
        let name = members[index].rawValue
        for directive in directives {
            switch directive {
            case .persist(let token, let durable):
                nodes[index].write = (token, durable)
                say("\(name) writes \(NodeText.describe(durable))")
            case .send(let message):
                network.append(message)
                say(NodeText.describe(message))
            case .supportWithdrawn(let peer): say("\(name) supports \(peer.rawValue) no more")
            case .supportLost(let peer): say("\(name) lost the support of \(peer.rawValue)")
            case .supportGained(let peer): say("\(name) has the support of \(peer.rawValue)")
            }
        }
    }

    mutating func tick(_ index: Int) {
        act(index) { $0.onTick(now: $1, &$2) }
    }

    /// False when there is nothing to persist, or the disk stands still.
    mutating func persist(_ index: Int) -> Bool {
        guard let write = nodes[index].write, !nodes[index].isStalled, isAwake(index) else {
            return false
        }
        nodes[index].disk = write.durable
        nodes[index].write = nil
        say("\(members[index].rawValue) has written")
        act(index) { $0.onPersisted(token: write.token, now: $1, &$2) }
        return true
    }

    mutating func deliver(_ message: LivenessMessage) {
        guard !cuts.contains(where: { $0 == (message.from, message.to) }) else {
            return say("lost: \(NodeText.describe(message))")
        }
        guard let index = members.firstIndex(of: message.to), nodes[index].liveness != nil else {
            return say("\(message.to.rawValue) is down")
        }
        var reception = Liveness.Reception.taken
        act(index) { reception = $0.onMessage(message, now: $1, &$2) }
        if let text = NodeText.describe(reception) {
            say("\(message.to.rawValue) \(text) (\(NodeText.describe(message)))")
        }
    }

    // MARK: Time

    /// Time passes, and nobody looks at a clock.
    mutating func advance(milliseconds: Int64) {
        for index in nodes.indices {
            let rate = nodes[index].ratePartsPerMillion
            // A whole number of milliseconds, so that the rate divides.
            nodes[index].clock += milliseconds * Self.millisecond + milliseconds * rate
        }
        check()
    }

    /// Time passes, and whoever is awake does what is due.
    mutating func run(milliseconds: Int64) {
        var rest = milliseconds
        while rest > 0 {
            let step = min(rest, Self.stepMilliseconds)
            rest -= step
            advance(milliseconds: step)
            for index in nodes.indices where isAwake(index) {
                guard let due = nodes[index].liveness?.nextDeadline, due <= now(index) else {
                    continue
                }
                tick(index)
            }
            settle()
        }
    }

    /// Writes end and messages arrive until nothing is left that can; what is for a node that is
    /// paused waits.
    mutating func settle() {
        var isMoving = true
        while isMoving {
            isMoving = false
            for index in nodes.indices where persist(index) { isMoving = true }
            let waiting = network
            network = []
            for message in waiting {
                let index = members.firstIndex(of: message.to)
                if let index, nodes[index].isPaused {
                    network.append(message)
                } else {
                    isMoving = true
                    deliver(message)
                }
            }
        }
    }

    // MARK: The promise

    /// The first lease that counted and had no promise on the supporter's disk.
    private(set) var violation: String?

    /// True when a reader of the node may count on what it received.
    func counts(_ received: SupportTable.Received, _ index: Int) -> Bool {
        guard let liveness = nodes[index].liveness else { return false }
        return now(index) >= liveness.lastSeen && now(index) < received.until
    }

    private mutating func check() {
        for asker in nodes.indices {
            guard let liveness = nodes[asker].liveness else { continue }
            for supporter in nodes.indices where supporter != asker {
                guard let received = liveness.table.received(from: members[supporter]),
                    counts(received, asker), received.isClockTrusted || areRatesWithinBound
                else { continue }
                let promised = nodes[supporter].disk?.supported(members[asker])
                guard violation == nil, promised != received.epoch else { continue }
                violation =
                    "\(members[asker]) has a lease of \(members[supporter]) without a promise"
            }
        }
    }
}
