import Primitives
import Raft

// What goes wrong, and the operator who changes members and leaders meanwhile.

extension CoreWorld {
    /// One fault, and the plan for the next.
    mutating func injectFault() {
        guard isChaotic, parameters.hasFaults else { return }
        let pause = Int64.random(in: 20_000_000...700_000_000, using: &random)
        heap.insert(.fault, at: time + pause)
        let place = Int.random(in: nodes.indices, using: &random)
        switch random.next() % 18 {
        case 0, 1: crashOrStart(place)
        case 2: partition()
        case 3: cutOneWay()
        case 4, 5: healNetwork()
        case 6: shakeNetwork()
        case 7: pauseNode(place)
        case 8: slowDisk(place)
        case 9: jumpClock(place)
        case 10:
            note("restart of all")
            for other in nodes.indices where !isDown(other) { crash(other) }
            for other in nodes.indices { start(other) }
        case 11, 12: isolateLeader()
        case 13:
            note("crash within a write")
            nodes[place].doom = .withinWrite
        case 14:
            note("crash within a vote")
            nodes[place].doom = .withinHardState
        case 15:
            note("crash at a commit")
            for node in nodes.indices { nodes[node].doom = .atCommit }
        default: crashOrStart(Int.random(in: nodes.indices, using: &random))
        }
    }

    private mutating func note(_ fault: String) {
        faultCounts[fault, default: 0] += 1
        trace.mix(time, fault)
    }

    private func isDown(_ place: Int) -> Bool {
        if case .down = nodes[place].life { true } else { false }
    }

    private mutating func crashOrStart(_ place: Int) {
        if isDown(place) {
            note("start")
            start(place)
        } else {
            note("crash")
            crash(place)
            damage(place)
        }
    }

    /// While a node is down an acknowledged entry of it goes bad: at times one of a few, so that a
    /// quorum can still be had of those that recover from nothing.
    mutating func damage(_ place: Int) {
        guard parameters.damagesEntries, damageRandom.chance(2, in: 3) else { return }
        let group = Int.random(in: 0..<parameters.groupCount, using: &damageRandom)
        let recoveringCount = nodes.indices.count { other in
            other != place && nodes[other].disks[group].readable.hardState.recovery != nil
        }
        guard recoveringCount < (nodes.count - 1) / 2,
            let last = nodes[place].disks[group].entries.last?.index
        else { return }
        let base = nodes[place].disks[group].base.index
        // As a rule near the end, where it is not known yet whether the others have it.
        let depth = damageRandom.chance(3, in: 4) ? min(4, last - base) : last - base
        let index = LogIndex.random(in: (last + 1 - depth)...last, using: &damageRandom)
        note("damaged entry")
        let damaged = nodes[place].disks[group].damagedFrom ?? index
        nodes[place].disks[group].damagedFrom = min(damaged, index)
    }

    private mutating func partition() {
        note("partition")
        let side = nodes.map { _ in random.chance(1, in: 2) }
        for from in nodes.indices {
            for to in nodes.indices { cuts[from][to] = side[from] != side[to] }
        }
    }

    private mutating func cutOneWay() {
        note("one-way cut")
        let from = Int.random(in: nodes.indices, using: &random)
        let to = Int.random(in: nodes.indices, using: &random)
        cuts[from][to] = true
    }

    /// Whoever leads a group is cut off, from all or in one direction, and goes on for a while.
    private mutating func isolateLeader() {
        let group = Int.random(in: 0..<parameters.groupCount, using: &random)
        let leaders = nodes.indices.filter {
            !nodes[$0].replicas.isEmpty && nodes[$0].replicas[group].instance.isLeader
        }
        guard let leader = leaders.randomElement(using: &random) else { return }
        note("isolated leader")
        let direction = random.next() % 3
        for other in nodes.indices where other != leader {
            if direction != 1 { cuts[leader][other] = true }
            if direction != 2 { cuts[other][leader] = true }
        }
    }

    private mutating func healNetwork() {
        note("heal")
        for from in nodes.indices {
            for to in nodes.indices { cuts[from][to] = false }
        }
    }

    private mutating func shakeNetwork() {
        note("loss and duplicates")
        lossPerMille = [0, 20, 150].randomElement(using: &random) ?? 0
        duplicatesPerMille = [0, 30, 200].randomElement(using: &random) ?? 0
    }

    private mutating func pauseNode(_ place: Int) {
        guard nodes[place].isUp else { return }
        note("pause")
        let until = time + Int64.random(in: 100_000_000...3_000_000_000, using: &random)
        nodes[place].life = .paused(until: until)
        heap.insert(.resume(node: place), at: until)
    }

    private mutating func slowDisk(_ place: Int) {
        note("slow disk")
        nodes[place].diskSlowness = [1, 1, 30, 5000].randomElement(using: &random) ?? 1
    }

    /// Up to an hour ahead, or a little back: a clock that counts from the boot is not to run back
    /// at all, and what the node has planned by it stays planned for as long.
    private mutating func jumpClock(_ place: Int) {
        note("clock jump")
        let isAhead = random.chance(1, in: 2)
        let jump = Int64.random(
            in: 1_000_000...(isAhead ? 3_600_000_000_000 : 300_000_000), using: &random)
        nodes[place].clockOffset += isAhead ? jump : -min(jump, nodes[place].clockOffset)
        if nodes[place].isUp { planTick(place, at: time + 1000) }
    }

    /// No fault any more, and everything that was broken works.
    mutating func mend() {
        isChaotic = false
        healNetwork()
        lossPerMille = 0
        duplicatesPerMille = 0
        for place in nodes.indices {
            nodes[place].diskSlowness = 1
            nodes[place].doom = .none
            if isDown(place) { start(place) }
            if case .paused = nodes[place].life {
                nodes[place].life = .up
                planTick(place, at: time + 1)
            }
        }
    }

    /// Takes away what is left of members that were removed and did not learn of it, as placement
    /// does: they would ask for votes for ever.
    mutating func removeStrangers() {
        for group in 0..<parameters.groupCount {
            let leader = nodes.first { $0.replicas[group].instance.servingTerm != nil }
            guard let members = leader?.replicas[group].instance.configuration else { continue }
            for place in nodes.indices where !members.contains(nodes[place].id) {
                run(place, group) { $0.onStop(&$2) }
            }
        }
    }

    // MARK: The operator

    /// One change of members, or a transfer, asked of whoever serves the group.
    mutating func operate() {
        guard isChaotic else { return }
        heap.insert(
            .operatorStep, at: time + Int64.random(in: 100_000_000...700_000_000, using: &random))
        let group = Int.random(in: 0..<parameters.groupCount, using: &random)
        let serving = nodes.indices.filter {
            nodes[$0].isUp && !nodes[$0].replicas.isEmpty && nodes[$0].replicas[group].isServing
        }
        guard let place = serving.randomElement(using: &random) else { return }
        let configuration = nodes[place].replicas[group].instance.configuration
        if random.chance(1, in: 3) { return transfer(place, group, configuration) }
        let changes = chooseChanges(configuration)
        guard !changes.isEmpty else { return }
        let index = run(place, group) { instance, moment, directives in
            try? instance.change(changes, moment, &directives)
        }
        guard let index else { return }
        faultCounts["change of members", default: 0] += 1
        trace.mix(time, index)
    }

    /// Hands over to somebody, who is sometimes asleep when it is asked.
    private mutating func transfer(_ place: Int, _ group: Int, _ configuration: Configuration) {
        guard let target = configuration.voters.randomElement(using: &random) else { return }
        run(place, group) { instance, moment, directives in
            try? instance.transferLeadership(to: target, moment, &directives)
        }
        let asleep = Int(target.rawValue) - 1
        guard asleep != place, random.chance(1, in: 3) else { return }
        pauseNode(asleep)
        // It wakes up to a question that nobody expects to be answered any more.
        cuts[asleep][place] = random.chance(1, in: 2)
    }

    /// Any number of members come, go and change their part at once, so that the halves of a joint
    /// configuration may share nobody.
    private mutating func chooseChanges(_ configuration: Configuration) -> [Configuration.Change] {
        var changes: [Configuration.Change] = []
        var voterCount = configuration.voters.count
        for learner in configuration.learners where random.chance(2, in: 3) {
            changes.append(.promote(learner))
            voterCount += 1
        }
        for voter in configuration.voters where voterCount > 2 && random.chance(1, in: 3) {
            changes.append(random.chance(1, in: 2) ? .remove(voter) : .demote(voter))
            voterCount -= 1
        }
        for node in nodes where !configuration.contains(node.id) && random.chance(1, in: 2) {
            changes.append(.addLearner(node.id))
        }
        return changes
    }
}
