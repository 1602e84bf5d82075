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
struct CoreWorld {
    enum Packet {
        case raft(Message)
        case liveness(LivenessMessage)
    }

    /// Small and without references, so that putting it in order costs nothing.
    enum Event {
        case deliver(packet: PacketPool.Slot)
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
    /// Of its own, so that damage changes nothing else of a seed before it happens.
    var damageRandom: SeededRandom
    var heap = EventHeap<Event>()
    /// Messages on their way.
    var packets = PacketPool()
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
    /// Lists that no run is using, kept for their room.
    private var spareLists: [[Directive]] = []
    private var spareLivenessLists: [[Liveness.Directive]] = []
    var spareWrites: [[DiskWrite]] = []

    static let cluster = ClusterID(0x5EED)

    init(seed: UInt64, parameters: CoreParameters) {
        self.parameters = parameters
        random = SeededRandom(seed: seed)
        damageRandom = SeededRandom(seed: seed ^ 0xDA3A6E)
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
    mutating func run(until end: Int64) {
        while let next = heap.nextTime, next <= end, checks.violations.isEmpty {
            time = next
            step(heap.removeNext())
        }
        time = max(time, end)
    }

    private mutating func step(_ event: Event) {
        switch event {
        case .deliver(let slot): deliver(slot)
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
            if isChaotic, nodes[node].startCount == startCount {
                crash(node)
                damage(node)
            }
        case .client(let client): runClient(client)
        case .timeout(let operation): giveUp(operation)
        case .fault: injectFault()
        case .operatorStep: operate()
        }
    }

    /// Puts an event off while the node is paused.
    private mutating func wait(for node: Int, _ event: Event) -> Bool {
        guard case .paused(let until) = nodes[node].life else { return false }
        heap.insert(event, at: until + 1)
        return true
    }

    // MARK: Lives

    mutating func start(_ place: Int) {
        nodes[place].life = .up
        nodes[place].startCount += 1
        nodes[place].writes = []
        nodes[place].isWriting = false
        nodes[place].tickAt = .max
        livenessWrites[place] = nil
        livenesses[place] = makeLiveness(place)
        nodes[place].replicas = nodes[place].disks.indices.map { group in
            makeReplica(place, group, seed: random.next())
        }
        let id = nodes[place].id
        let peers = nodes.map(\.id).filter { $0 != id }
        runLiveness(place) { liveness, now, directives in
            do {
                try liveness.setPeers(peers, now: now, &directives)
            } catch {
                preconditionFailure("\(peers.count) peers were not taken: \(error)")
            }
            liveness.onStart(now: now, &directives)
        }
        for group in nodes[place].replicas.indices {
            run(place, group) { $0.onStart($1, &$2) }
        }
    }

    /// A replica as its disk has it.
    private func makeReplica(_ place: Int, _ group: Int, seed: UInt64) -> Replica {
        let disk = nodes[place].disks[group]
        let (hardState, entries) = disk.readable
        return Replica(
            instance: Instance(
                cluster: Self.cluster, group: GroupID(UInt32(group)), member: nodes[place].id,
                start: Instance.Start(
                    hardState: hardState, base: disk.base,
                    configuration: disk.configuration, entries: entries,
                    appliedIndex: disk.base.index),
                options: parameters.raft, seed: seed),
            machine: disk.machine, appliedIndex: disk.base.index, appliedTerm: disk.base.term)
    }

    /// The process dies. Of what was on its way to the disk a beginning may be there.
    mutating func crash(_ place: Int) {
        let writes = nodes[place].writes
        let kept = writes.isEmpty ? 0 : Int.random(in: 0...writes.count, using: &random)
        for write in writes.prefix(kept) { store(write, place) }
        nodes[place].life = .down
        nodes[place].startCount += 1
        nodes[place].writes = []
        for group in nodes[place].replicas.indices { abandon(place, group) }
        nodes[place].replicas = []
    }

    // MARK: Instances

    func moment(of place: Int) -> Moment {
        Moment(now: nodes[place].localTime(time), support: livenesses[place].table)
    }

    /// Runs one input of an instance, and does what it asks for.
    @discardableResult
    mutating func run<Result>(
        _ place: Int, _ group: Int,
        _ body: (inout Instance, Moment, inout [Directive]) -> Result
    ) -> Result {
        eventCount += 1
        var asked = spareLists.popLast() ?? []
        let result = nodes[place].replicas[group].run(moment(of: place), &asked, body)
        plan(place, nodes[place].replicas[group].deadline)
        // What a directive brings about may run the instance again: its directives come after.
        // Taken from the end, and so turned round before: each is moved and not copied.
        asked.reverse()
        while let directive = asked.popLast() { perform(directive, place, group) }
        spareLists.append(asked)
        return result
    }

    private mutating func plan(_ place: Int, _ deadline: MonotonicInstant?) {
        guard let deadline, let wanted = nodes[place].worldTime(deadline) else { return }
        let due = max(time + 1, wanted)
        guard due < nodes[place].tickAt else { return }
        planTick(place, at: due)
    }

    mutating func planTick(_ place: Int, at due: Int64) {
        nodes[place].tickAt = due
        heap.insert(.tick(node: place, startCount: nodes[place].startCount), at: due)
    }

    private mutating func tick(_ place: Int) {
        guard nodes[place].isUp else { return }
        runLiveness(place) { $0.onTick(now: $1, &$2) }
        let now = nodes[place].localTime(time)
        for group in nodes[place].replicas.indices {
            let deadline = nodes[place].replicas[group].deadline
            if let deadline, deadline <= now {
                run(place, group) { $0.onTick($1, &$2) }
            } else {
                plan(place, deadline)
            }
        }
    }

    // MARK: Liveness

    mutating func runLiveness(
        _ place: Int, _ body: (inout Liveness, MonotonicInstant, inout [Liveness.Directive]) -> Void
    ) {
        eventCount += 1
        var asked = spareLivenessLists.popLast() ?? []
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
        asked.removeAll(keepingCapacity: true)
        spareLivenessLists.append(asked)
        plan(place, livenesses[place].nextDeadline)
    }

    // MARK: Network

    private mutating func deliver(_ slot: PacketPool.Slot) {
        let place = packets.receiver(of: slot)
        if wait(for: place, .deliver(packet: slot)) { return }
        let packet = packets.take(slot)
        guard nodes[place].isUp else { return }
        switch consume packet {
        case .raft(let message):
            trace.mix(time, message)
            let reception = run(place, Int(message.group.rawValue)) {
                $0.onMessage(message, $1, &$2)
            }
            if case .refused(let offence) = reception {
                checks.note("m\(message.to.rawValue) refused: \(offence.rawValue)")
            }
        case .liveness(let message):
            runLiveness(place) { _ = $0.onMessage(message, now: $1, &$2) }
        }
    }

    mutating func send(_ packet: consuming Packet, from sender: MemberID, to receiver: MemberID) {
        let from = Int(sender.rawValue) - 1
        let to = Int(receiver.rawValue) - 1
        guard nodes.indices.contains(to), !cuts[from][to] else { return }
        if lossPerMille > 0, random.next() % 1000 < lossPerMille { return }
        let due = time + latency()
        if duplicatesPerMille > 0, random.next() % 1000 < duplicatesPerMille {
            let first = packets.put(copy packet, to: to)
            heap.insert(.deliver(packet: first), at: due)
            let again = packets.put(consume packet, to: to)
            heap.insert(.deliver(packet: again), at: time + latency() * 4)
        } else {
            heap.insert(.deliver(packet: packets.put(consume packet, to: to)), at: due)
        }
    }

    /// Mostly about the least; one message in sixteen is much later, and so out of order, and one
    /// in a thousand, as long as there are faults, later than an election takes.
    private mutating func latency() -> Int64 {
        let word = random.next()
        let least = parameters.latencyNanoseconds
        let share = Int64(word >> 16) & 0xFFFF
        if isChaotic, word & 1023 == 1 { return least + share * 30_000 }
        let extra = share * least >> 16
        return word & 15 == 0 ? least + extra * 8 : least + extra
    }
}
