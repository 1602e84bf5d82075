import Gossip
import Primitives

/// Members, their clock and their network, in memory: the earliest event runs next, chance comes
/// from the seed, nothing else decides. The same seed runs the same way, which the trace shows.
struct World {
    enum Happening {
        case tick(Int)
        case deliver(Message, to: Int)
        case probed(GossipInstance.TransportProbe, isReachable: Bool, at: Int)
        case wake(Int)
    }

    /// That somebody is dead, as one member found.
    struct Verdict {
        let at: MonotonicInstant
        let observer: Int
        let subject: Int
    }

    /// How a member is starved of its processor: it is blocked for a while, runs for a while.
    struct Starvation {
        enum Kind {
            /// Whoever reads and writes the network stands still, and the clock goes on: what came
            /// and what was to be sent waits for the end (Lifeguard §V-D blocks the same way).
            case network
            /// The whole event loop stands still. Afterwards it runs its timers first, as event
            /// loops do, then reads what has come.
            case loop
        }

        var kind = Kind.network
        /// Milliseconds: from just noticed to longer than a suspicion lasts.
        var blocked: ClosedRange<Int64> = 1_000...20_000
        /// Milliseconds: a burst, in which no answer of another comes back, or a little longer.
        var running: ClosedRange<Int64> = 1...500
    }

    private(set) var now = MonotonicInstant(nanoseconds: 0)
    var nodes: [GossipInstance] = []
    private(set) var isRunning: [Bool] = []
    /// Messages pass within a group only.
    var group: [Int] = []
    private var regions: [String] = []
    private(set) var isStarved: [Bool] = []
    private var isBlocked: [Bool] = []
    private var inbox: [[Happening]] = []
    private var outbox: [[(Message, to: Destination)]] = []
    private var scheduled: [MonotonicInstant?] = []
    private var places: [MemberID: Int] = [:]
    private var addresses: [String: Int] = [:]
    private var queue = TimeQueue<Happening>()
    private var directives: [GossipInstance.Directive] = []
    private var random: SeededRandom
    private(set) var verdicts: [Verdict] = []
    /// FNV-1a over what happened and when.
    private(set) var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var packetCount = 0
    private(set) var wideAreaPacketCount = 0
    /// Messages that did not come back from their wire form as they were.
    private(set) var miscodedCount = 0
    var starvation = Starvation()
    let options: GossipOptions
    private let cluster = ClusterID(7)

    init(seed: UInt64, options: GossipOptions = GossipOptions()) {
        random = SeededRandom(seed: seed)
        self.options = options
    }

    // Making the world.

    static func id(_ node: Int) -> MemberID { MemberID(UInt64(node) + 1) }
    static func address(_ node: Int) -> String { "10.0.\(node / 250).\(node % 250)" }

    @discardableResult
    mutating func add(region: String = "r1") -> Int {
        let node = nodes.count
        let profile = Profile(
            version: 1 << 20, name: "n\(node)", address: Self.address(node),
            metadata: Metadata(region: region))
        nodes.append(
            GossipInstance(
                cluster: cluster, id: Self.id(node), profile: profile, options: options,
                seed: random.next(), now: now))
        isRunning.append(true)
        group.append(0)
        regions.append(region)
        isStarved.append(false)
        isBlocked.append(false)
        inbox.append([])
        outbox.append([])
        scheduled.append(nil)
        places[Self.id(node)] = node
        addresses[Self.address(node)] = node
        schedule(node)
        return node
    }

    /// Everybody knows everybody, as after a quiet hour.
    mutating func introduceAll() {
        introduce { _, _ in .alive }
    }

    /// As after a long partition: who is even and who is odd hold each other for dead.
    mutating func introduceHalves() {
        for node in nodes.indices { group[node] = node % 2 }
        introduce { $0 % 2 == $1 % 2 ? .alive : .dead }
    }

    private mutating func introduce(_ standing: (Int, Int) -> Standing) {
        let profiles = nodes.map(\.myself.profile)
        for observer in nodes.indices {
            let updates = nodes.indices.filter { $0 != observer }.map { node in
                let claim = Claim(
                    subject: Self.id(node), incarnation: profiles[node].version,
                    standing: standing(observer, node))
                return Update(claim: claim, profile: profiles[node])
            }
            nodes[observer].introduce(updates, now: now, &directives)
            directives.removeAll(keepingCapacity: true)
            schedule(observer)
        }
    }

    mutating func heal() {
        for node in nodes.indices { group[node] = 0 }
    }

    mutating func join(_ node: Int, seeds: [Int]) {
        nodes[node].join(seeds: seeds.map(Self.address), now: now, &directives)
        perform(node)
    }

    mutating func leave(_ node: Int) {
        nodes[node].leave(now: now, &directives)
        perform(node)
    }

    mutating func crash(_ node: Int) { isRunning[node] = false }

    mutating func starve(_ node: Int) {
        isStarved[node] = true
        queue.push(
            .wake(node), at: now + .milliseconds(Int64.random(in: 0...2_000, using: &random)))
    }

    // Running it.

    mutating func run(for duration: Duration) {
        let end = now + duration
        while let at = queue.nextTime, at <= end {
            now = at
            happen(queue.pop())
        }
        now = end
    }

    /// Runs in steps until something holds; the time it took, or nil when it never did.
    mutating func run(
        atMost: Duration, step: Duration, until holds: (World) -> Bool
    ) -> Duration? {
        let start = now
        while now - start < atMost {
            run(for: step)
            if holds(self) { return now - start }
        }
        return nil
    }

    private mutating func happen(_ happening: Happening) {
        switch happening {
        case .wake(let node):
            wake(node)
        case .tick(let node):
            guard scheduled[node] == now, isRunning[node], canTick(node) else { return }
            tick(node)
        case .deliver(_, let node), .probed(_, _, let node):
            guard isRunning[node] else { return }
            if isBlocked[node] { inbox[node].append(happening) } else { take(happening, node) }
        }
    }

    private mutating func tick(_ node: Int) {
        scheduled[node] = nil
        note(1, UInt64(node))
        nodes[node].onTick(now: now, &directives)
        if let due = Self.deadline(&nodes[node]) { precondition(due > now, "\(node) stands still") }
        perform(node)
    }

    private mutating func take(_ happening: Happening, _ node: Int) {
        switch happening {
        case .deliver(let message, _):
            note(2, UInt64(node) << 32 | message.sender.rawValue)
            _ = nodes[node].onMessage(message, from: message.sender, now: now, &directives)
        case .probed(let probe, let isReachable, _):
            note(3, UInt64(node) << 32 | probe.member.rawValue)
            nodes[node].onTransportProbe(probe, isReachable: isReachable)
        case .tick, .wake: break
        }
        perform(node)
    }

    private func canTick(_ node: Int) -> Bool {
        switch starvation.kind {
        case .network: true
        case .loop: !isBlocked[node]
        }
    }

    /// A starved member gets its turn, or loses it.
    private mutating func wake(_ node: Int) {
        guard isRunning[node], isStarved[node] else { return }
        if isBlocked[node] {
            isBlocked[node] = false
            let unsent = outbox[node]
            outbox[node] = []
            for (message, destination) in unsent { send(message, from: node, to: destination) }
            if let due = Self.deadline(&nodes[node]), due <= now { tick(node) }
            let waiting = inbox[node]
            inbox[node] = []
            for happening in waiting { take(happening, node) }
            let running = Int64.random(in: starvation.running, using: &random)
            queue.push(.wake(node), at: now + .milliseconds(running))
            schedule(node)
        } else {
            isBlocked[node] = true
            if !canTick(node) { scheduled[node] = nil }
            let blocked = Int64.random(in: starvation.blocked, using: &random)
            queue.push(.wake(node), at: now + .milliseconds(blocked))
        }
    }

    private mutating func perform(_ node: Int) {
        var pending: [GossipInstance.Directive] = []
        swap(&pending, &directives)
        for directive in pending {
            switch directive {
            case .send(let message, let destination) where isBlocked[node]:
                outbox[node].append((message, destination))
            case .send(let message, let destination):
                send(message, from: node, to: destination)
            case .openTransportProbe(let probe, let destination):
                guard let target = addresses[destination.address] else { continue }
                let isReachable =
                    isRunning[target] && group[target] == group[node] && !isBlocked[target]
                queue.push(
                    .probed(probe, isReachable: isReachable, at: node), at: now + latency(2))
            case .event(.memberDead(let member)):
                let subject = Int(member.rawValue) - 1
                verdicts.append(Verdict(at: now, observer: node, subject: subject))
            case .event: break
            }
        }
        pending.removeAll(keepingCapacity: true)
        swap(&pending, &directives)
        schedule(node)
    }

    private mutating func send(_ message: Message, from node: Int, to destination: Destination) {
        packetCount += 1
        if packetCount % 101 == 0 { checkCoding(message) }
        guard let target = addresses[destination.address], group[target] == group[node] else {
            return
        }
        let isNear = regions[target] == regions[node]
        if !isNear { wideAreaPacketCount += 1 }
        queue.push(.deliver(message, to: target), at: now + latency(isNear ? 1 : 40))
    }

    /// About so many milliseconds.
    private mutating func latency(_ factor: Int64) -> Duration {
        .microseconds(factor * Int64.random(in: 500...1_500, using: &random))
    }

    private mutating func checkCoding(_ message: Message) {
        let bytes = message.encoded
        if bytes.count > message.byteCountMax { miscodedCount += 1 }
        if (try? Message.decode(bytes, cluster: cluster)) != message { miscodedCount += 1 }
    }

    /// Asked in place: to read it from an element would copy the instance.
    private static func deadline(_ node: inout GossipInstance) -> MonotonicInstant? {
        node.nextDeadline
    }

    private mutating func schedule(_ node: Int) {
        guard isRunning[node], canTick(node), let due = Self.deadline(&nodes[node]) else { return }
        if let planned = scheduled[node], planned <= due { return }
        scheduled[node] = max(due, now)
        queue.push(.tick(node), at: max(due, now))
    }

    private mutating func note(_ kind: UInt64, _ detail: UInt64) {
        for word in [kind, UInt64(bitPattern: now.nanoseconds), detail] {
            trace = (trace ^ word) &* 0x0000_0100_0000_01b3
        }
    }

    // Looking at it.

    var runningCount: Int { isRunning.count { $0 } }

    /// How many of the running members see `member` as `isWanted` asks.
    func count(seeing member: Int, where isWanted: (Member?) -> Bool) -> Int {
        nodes.indices.count { isRunning[$0] && isWanted(nodes[$0].member(Self.id(member))) }
    }

    /// Everybody who runs sees everybody who runs alive, and nobody else up.
    var agrees: Bool {
        nodes.indices.allSatisfy { observer in
            guard isRunning[observer], nodes[observer].phase != .gone else { return true }
            return nodes.indices.allSatisfy { isSeenRight($0, by: observer) }
        }
    }

    /// Pairs of members of which one sees the other wrong.
    var disagreementCount: Int {
        nodes.indices.reduce(0) { count, observer in
            guard isRunning[observer], nodes[observer].phase != .gone else { return count }
            return count + nodes.indices.count { !isSeenRight($0, by: observer) }
        }
    }

    func isSeenRight(_ node: Int, by observer: Int) -> Bool {
        guard let member = nodes[observer].member(Self.id(node)) else { return !isRunning[node] }
        guard isRunning[node], nodes[node].phase != .gone else { return !member.isUp }
        if case .alive = member.state { return true }
        return false
    }
}

/// Things by the time at which they are due; of the same time, the first come first.
struct TimeQueue<Element> {
    private struct Entry {
        let at: MonotonicInstant
        let number: UInt64
        let slot: Int

        static func < (left: Entry, right: Entry) -> Bool {
            left.at != right.at ? left.at < right.at : left.number < right.number
        }
    }

    private var heap: [Entry] = []
    private var slots: [Element?] = []
    private var free: [Int] = []
    private var nextNumber: UInt64 = 0

    var nextTime: MonotonicInstant? { heap.first?.at }

    mutating func push(_ element: Element, at: MonotonicInstant) {
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            slots[slot] = element
        } else {
            slot = slots.count
            slots.append(element)
        }
        heap.append(Entry(at: at, number: nextNumber, slot: slot))
        nextNumber += 1
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Element {
        heap.swapAt(0, heap.count - 1)
        let entry = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            guard least != parent else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        let element = slots[entry.slot]!
        slots[entry.slot] = nil
        free.append(entry.slot)
        return element
    }
}
