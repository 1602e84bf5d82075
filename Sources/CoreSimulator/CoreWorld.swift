import Liveness
import Primitives
import Raft

// Nodes with many groups each, as instances only, in one seeded future of messages, disks, clocks
// and faults. There is no actor and no file: a second of a cluster takes some milliseconds, and a
// seed gives one history.
//
//   clients ─▶ propose, read ─▶ Instance ─▶ persist ─▶ disk (in order, one for all groups)
//                                   └─────▶ send ─▶ network (lost, doubled, late, cut)
//   Liveness of each node ─▶ support table ─▶ every Instance on it
//   checks: after each event, against what an all-knowing observer knows (`CoreChecks`)

/// A seeded world of consensus instances.
final class CoreWorld {
    enum Packet {
        case raft(Message)
        case liveness(LivenessMessage)
    }

    enum Event {
        case deliver(Packet)
        case diskDone(node: Int, startCount: UInt64)
        case tick(node: Int, startCount: UInt64)
        case resume(node: Int)
        case death(node: Int, startCount: UInt64)
        case client(Int)
        case timeout(operation: Int)
        case fault
        case operatorStep
    }

    let parameters: CoreParameters
    var random: SeededRandom
    var heap = EventHeap<Event>()
    /// Nanoseconds since the beginning.
    var time: Int64 = 0
    var nodes: [CoreNode] = []
    var livenesses: [Liveness] = []
    var livenessDisks: [DurableLiveness?] = []
    /// Liveness writes on their way, as part of the node's one log: the token and what is written.
    var livenessWrites: [(token: UInt64, state: DurableLiveness)?] = []
    /// Who cannot send to whom: [from][to].
    var cuts: [[Bool]]
    var lossPerMille: UInt64 = 0
    var duplicatesPerMille: UInt64 = 0
    var isChaotic = true
    /// Clients begin nothing new.
    var areClientsResting = false
    var checks: CoreChecks
    var clients: CoreClients
    var trace = CoreTrace()
    /// Inputs to instances.
    var eventCount: UInt64 = 0
    /// Messages by group and sender.
    var messageCounts: [[Int]]
    var faultCounts: [String: Int] = [:]
    var directives: [Directive] = []
    var livenessDirectives: [Liveness.Directive] = []

    static let cluster = ClusterID(0x5EED)

    init(seed: UInt64, parameters: CoreParameters) {
        self.parameters = parameters
        random = SeededRandom(seed: seed)
        let count = parameters.nodeCount + parameters.spareCount
        cuts = [[Bool]](repeating: [Bool](repeating: false, count: count), count: count)
        messageCounts = [[Int]](
            repeating: [Int](repeating: 0, count: count), count: parameters.groupCount)
        checks = CoreChecks(groupCount: parameters.groupCount)
        clients = CoreClients(count: parameters.clientCount)
        let voters = (0..<parameters.nodeCount).map { MemberID(UInt64($0 + 1)) }
        let configuration: Configuration
        do {
            configuration = try Configuration(voters: voters)
        } catch {
            preconditionFailure("\(parameters.nodeCount) nodes are no configuration: \(error)")
        }
        for place in 0..<count {
            let rate = Int64.random(
                in: -parameters.clockRateErrorMax...parameters.clockRateErrorMax, using: &random)
            nodes.append(
                CoreNode(
                    id: MemberID(UInt64(place + 1)),
                    disks: [GroupDisk](
                        repeating: GroupDisk(configuration: configuration),
                        count: parameters.groupCount),
                    clockRate: rate,
                    clockOffset: Int64.random(in: 0...1_000_000_000_000, using: &random)))
            livenessDisks.append(nil)
            livenessWrites.append(nil)
        }
        for place in 0..<count {
            livenesses.append(makeLiveness(place))
        }
        for place in 0..<count { start(place) }
        for client in 0..<parameters.clientCount {
            heap.insert(.client(client), at: Int64(1_000_000_000 + client * 1_000_000))
        }
        heap.insert(.fault, at: 1_500_000_000)
        if parameters.changesMembers { heap.insert(.operatorStep, at: 2_000_000_000) }
    }

    private func makeLiveness(_ place: Int) -> Liveness {
        Liveness(
            cluster: Self.cluster, member: nodes[place].id, durable: livenessDisks[place],
            options: parameters.liveness, now: nodes[place].localTime(time))
    }

    // MARK: Running

    /// Lets the world go on until `end`, or until a promise is broken.
    func run(until end: Int64) {
        while let next = heap.nextTime, next <= end, checks.violations.isEmpty {
            guard let (due, event) = heap.removeNext() else { return }
            time = due
            step(event)
        }
        time = max(time, end)
    }

    private func step(_ event: Event) {
        switch event {
        case .deliver(let packet): deliver(packet)
        case .diskDone(let node, let startCount):
            guard nodes[node].startCount == startCount else { return }
            if wait(for: node, event) { return }
            finishWrites(node)
        case .tick(let node, let startCount):
            // One tick is planned; those that an earlier one has overtaken are void.
            guard nodes[node].startCount == startCount, nodes[node].tickAt == time else { return }
            nodes[node].tickAt = .max
            tick(node)
        case .resume(let node):
            guard case .paused = nodes[node].life else { return }
            nodes[node].life = .up
            nodes[node].tickAt = .max
            // Whoever asks first finds a node that does not know yet how long it slept.
            if isChaotic, random.chance(1, in: 2) { readLate(node) }
            tick(node)
        case .death(let node, let startCount):
            if isChaotic, nodes[node].startCount == startCount { crash(node) }
        case .client(let client): runClient(client)
        case .timeout(let operation): giveUp(operation)
        case .fault: injectFault()
        case .operatorStep: operate()
        }
    }

    /// Puts an event off while the node is paused.
    private func wait(for node: Int, _ event: Event) -> Bool {
        guard case .paused(let until) = nodes[node].life else { return false }
        heap.insert(event, at: until + 1)
        return true
    }

    // MARK: Lives

    func start(_ place: Int) {
        let node = nodes[place]
        node.life = .up
        node.startCount += 1
        node.writes = []
        node.isWriting = false
        node.tickAt = .max
        livenessWrites[place] = nil
        livenesses[place] = makeLiveness(place)
        node.replicas = node.disks.enumerated().map { group, disk in
            Replica(
                instance: Instance(
                    cluster: Self.cluster, group: GroupID(UInt32(group)), member: node.id,
                    start: Instance.Start(
                        hardState: disk.hardState, base: disk.base,
                        configuration: disk.configuration, entries: disk.entries,
                        appliedIndex: disk.base.index),
                    options: parameters.raft, seed: random.next()),
                machine: disk.machine, appliedIndex: disk.base.index, appliedTerm: disk.base.term)
        }
        runLiveness(place) { liveness, now, directives in
            let peers = nodes.map(\.id).filter { $0 != node.id }
            do {
                try liveness.setPeers(peers, now: now, &directives)
            } catch {
                preconditionFailure("\(peers.count) peers were not taken: \(error)")
            }
            liveness.onStart(now: now, &directives)
        }
        for group in node.replicas.indices {
            run(place, group) { instance, moment, directives in
                instance.onStart(moment, &directives)
            }
        }
    }

    /// The process dies. Of what was on its way to the disk a beginning may be there.
    func crash(_ place: Int) {
        let node = nodes[place]
        let kept = node.writes.isEmpty ? 0 : Int.random(in: 0...node.writes.count, using: &random)
        for write in node.writes.prefix(kept) { store(write, place) }
        node.life = .down
        node.startCount += 1
        node.writes = []
        for group in node.replicas.indices { abandon(place, group) }
        node.replicas = []
    }

    // MARK: Instances

    func moment(of place: Int) -> Moment {
        Moment(now: nodes[place].localTime(time), support: livenesses[place].table)
    }

    /// Runs one input of an instance, and does what it asks for.
    func run(
        _ place: Int, _ group: Int,
        _ body: (inout Instance, Moment, inout [Directive]) -> Void
    ) {
        eventCount += 1
        var asked = directives
        directives = []
        asked.removeAll(keepingCapacity: true)
        let node = nodes[place]
        node.replicas[group].run(moment(of: place), &asked, body)
        plan(place, node.replicas[group].deadline)
        // What a directive brings about may run the instance again: its directives come after.
        for directive in asked { perform(directive, place, group) }
        directives = asked
    }

    private func plan(_ place: Int, _ deadline: MonotonicInstant?) {
        let node = nodes[place]
        guard let deadline, let wanted = node.worldTime(deadline) else { return }
        let due = max(time + 1, wanted)
        guard due < node.tickAt else { return }
        planTick(place, at: due)
    }

    func planTick(_ place: Int, at due: Int64) {
        let node = nodes[place]
        node.tickAt = due
        heap.insert(.tick(node: place, startCount: node.startCount), at: due)
    }

    private func tick(_ place: Int) {
        let node = nodes[place]
        guard node.isUp else { return }
        runLiveness(place) { $0.onTick(now: $1, &$2) }
        let now = node.localTime(time)
        for group in node.replicas.indices {
            let deadline = node.replicas[group].deadline
            if let deadline, deadline <= now {
                run(place, group) { $0.onTick($1, &$2) }
            } else {
                plan(place, deadline)
            }
        }
    }

    // MARK: Liveness

    func runLiveness(
        _ place: Int, _ body: (inout Liveness, MonotonicInstant, inout [Liveness.Directive]) -> Void
    ) {
        eventCount += 1
        var asked: [Liveness.Directive] = []
        body(&livenesses[place], nodes[place].localTime(time), &asked)
        for directive in asked {
            switch directive {
            case .persist(let token, let state):
                livenessWrites[place] = (token, state)
                beginWriting(place)
            case .send(let message):
                send(.liveness(message), from: message.from, to: message.to)
            case .supportWithdrawn, .supportLost, .supportGained:
                for group in nodes[place].replicas.indices {
                    run(place, group) { $0.onTick($1, &$2) }
                }
            }
        }
        plan(place, livenesses[place].nextDeadline)
    }

    // MARK: Network

    private func deliver(_ packet: Packet) {
        let receiver: MemberID
        switch packet {
        case .raft(let message): receiver = message.to
        case .liveness(let message): receiver = message.to
        }
        let place = Int(receiver.rawValue) - 1
        if wait(for: place, .deliver(packet)) { return }
        guard nodes[place].isUp else { return }
        switch packet {
        case .raft(let message):
            trace.mix(time, message)
            run(place, Int(message.group.rawValue)) { instance, moment, directives in
                let reception = instance.onMessage(message, moment, &directives)
                if case .refused(let offence) = reception {
                    checks.note("m\(receiver.rawValue) refused: \(offence.rawValue)")
                }
            }
        case .liveness(let message):
            runLiveness(place) { _ = $0.onMessage(message, now: $1, &$2) }
        }
    }

    func send(_ packet: Packet, from sender: MemberID, to receiver: MemberID) {
        let from = Int(sender.rawValue) - 1
        let to = Int(receiver.rawValue) - 1
        guard nodes.indices.contains(to), !cuts[from][to] else { return }
        if lossPerMille > 0, random.next() % 1000 < lossPerMille { return }
        heap.insert(.deliver(packet), at: time + latency())
        if duplicatesPerMille > 0, random.next() % 1000 < duplicatesPerMille {
            heap.insert(.deliver(packet), at: time + latency() * 4)
        }
    }

    /// Mostly about the least; one message in sixteen is much later, and so out of order, and one
    /// in a thousand, as long as there are faults, later than an election takes.
    private func latency() -> Int64 {
        let word = random.next()
        let least = parameters.latencyNanoseconds
        let share = Int64(word >> 16) & 0xFFFF
        if isChaotic, word & 1023 == 1 { return least + share * 30_000 }
        let extra = share * least >> 16
        return word & 15 == 0 ? least + extra * 8 : least + extra
    }
}
