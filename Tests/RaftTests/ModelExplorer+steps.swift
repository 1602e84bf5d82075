import Primitives
import Raft

// What may happen next.

extension ModelExplorer {
    typealias Visit = (ModelState, Step, String?) -> Void

    /// Where the exploration begins, with nothing used of the bounds.
    mutating func beginning() throws -> ModelState {
        var state = ModelState()
        for place in 0..<ModelBounds.memberCount {
            state.members[place] = number(of: try ModelMember(place, bounds))
        }
        state.history = number(of: try ModelHistory(bounds))
        switch bounds.beginning {
        case .blank: break
        case .led: state = settled(step(state, Step(place: 0, event: .stand)) ?? state)
        }
        state.network = .zero
        for budget in ModelBounds.Budget.allCases {
            state.left[budget.rawValue] = bounds.counts[budget] ?? 0
        }
        return state
    }

    /// Delivers and stores until nothing is left.
    private mutating func settled(_ state: ModelState) -> ModelState {
        var state = state
        while true {
            let writing = (0..<ModelBounds.memberCount).first { writeCount(state, $0) > 0 }
            if let place = writing, let next = step(state, Step(place: place, event: .persisted)) {
                state = next
            } else if state.network[0] != 0 {
                let number = state.network[state.networkCount - 1]
                state.remove(at: state.networkCount - 1)
                let place = messageFacts[Int(number) - 1].to
                state = step(state, Step(place: place, event: .deliver(number))) ?? state
            } else {
                return state
            }
        }
    }

    private func writeCount(_ state: ModelState, _ place: Int) -> Int {
        facts[Int(state.members[place])].writeCount
    }

    /// All states that can follow.
    mutating func expand(_ state: ModelState, _ visit: Visit) {
        deliver(state, visit)
        for place in 0..<ModelBounds.memberCount {
            live(state, place, visit)
            lead(state, place, visit)
            compact(state, place, visit)
            if bounds.followersRead, facts[Int(state.members[place])].mayAsk {
                read(state, place, visit)
            }
            if bounds.hasSupport { support(state, place, visit) }
        }
    }

    private mutating func deliver(_ state: ModelState, _ visit: Visit) {
        for place in 0..<state.networkCount {
            let number = state.network[place]
            // Two of the same.
            if place > 0, state.network[place - 1] == number { continue }
            let message = messageFacts[Int(number) - 1]
            var without = state
            without.remove(at: place)
            var with = state
            let mayDouble = with.use(.duplicates)
            let receiver = facts[Int(state.members[message.to])]
            let lapses =
                message.isCandidacy && receiver.heardLeader != nil
                && receiver.heardLeader != MemberID(UInt64(message.from) + 1)
            for event in [ModelMember.Event.deliver(number), .deliverLapsed(number)] {
                if case .deliverLapsed = event, !lapses { continue }
                follow(without, Step(place: message.to, event: event), visit)
                if mayDouble { follow(with, Step(place: message.to, event: event), visit) }
            }
        }
    }

    private mutating func live(_ state: ModelState, _ place: Int, _ visit: Visit) {
        let member = facts[Int(state.members[place])]
        if member.writeCount > 0 { follow(state, Step(place: place, event: .persisted), visit) }
        var crashed = state
        if crashed.use(.crashes) {
            for count in 0...member.writeCount {
                let event = ModelMember.Event.crash(keeping: UInt8(count))
                follow(crashed, Step(place: place, event: event), visit)
            }
        }
        damage(state, place, visit)
        let mayStand =
            !member.isLeader && member.term < bounds.termMax && bounds.candidates.contains(place)
        if mayStand {
            let event: ModelMember.Event = bounds.hasPreVotes ? .electionTimeout : .stand
            follow(state, Step(place: place, event: event), visit)
        }
    }

    private mutating func damage(_ state: ModelState, _ place: Int, _ visit: Visit) {
        var damaged = state
        guard damaged.use(.damages) else { return }
        for count in 0...facts[Int(state.members[place])].writeCount {
            for depth in 1...UInt8(2) {
                let event = ModelMember.Event.damage(keeping: UInt8(count), depth: depth)
                follow(damaged, Step(place: place, event: event), visit)
            }
        }
    }

    private mutating func lead(_ state: ModelState, _ place: Int, _ visit: Visit) {
        guard facts[Int(state.members[place])].isLeader else { return }
        var next = state
        if next.use(.heartbeats) {
            follow(next, Step(place: place, event: .heartbeat), visit)
        }
        next = state
        if next.use(.silences) {
            follow(next, Step(place: place, event: .silence), visit)
        }
        guard facts[Int(state.members[place])].isServing else { return }
        next = state
        if next.use(.proposals) {
            // Each one another.
            let payload = 1 + next.left[ModelBounds.Budget.proposals.rawValue]
            follow(next, Step(place: place, event: .propose(payload)), visit)
        }
        next = state
        if next.use(.changes) {
            for change in bounds.changes.indices {
                follow(next, Step(place: place, event: .change(UInt8(change))), visit)
            }
        }
        next = state
        if next.use(.transfers) {
            for target in 0..<ModelBounds.memberCount where target != place {
                let event = ModelMember.Event.transfer(to: UInt8(target))
                follow(next, Step(place: place, event: event), visit)
            }
        }
        read(state, place, visit)
    }

    private mutating func read(_ state: ModelState, _ place: Int, _ visit: Visit) {
        var next = state
        guard next.use(.reads) else { return }
        let id = next.left[ModelBounds.Budget.reads.rawValue]
        var history = histories[Int(state.history)]
        history.reads[Int(id)] = UInt8(history.committed.count) + 1
        next.history = number(of: history)
        follow(next, Step(place: place, event: .read(id)), visit)
    }

    private mutating func compact(_ state: ModelState, _ place: Int, _ visit: Visit) {
        let member = facts[Int(state.members[place])]
        guard member.isLeader || bounds.followersCompact else { return }
        var next = state
        guard next.use(.compactions) else { return }
        follow(next, Step(place: place, event: .compact), visit)
    }

    /// What `Liveness` guarantees, and no more: what a node has given it takes back only once the
    /// other one does not count on it any more.
    private mutating func support(_ state: ModelState, _ place: Int, _ visit: Visit) {
        let member = facts[Int(state.members[place])]
        for peer in 0..<ModelBounds.memberCount where peer != place {
            let other = facts[Int(state.members[peer])]
            var next = state
            if member.received[peer], next.use(.withdrawals) {
                let event = ModelMember.Event.loseReceived(from: UInt8(peer))
                follow(next, Step(place: place, event: event), visit)
            }
            if member.given[peer], !other.received[place] || bounds.breaksSupport {
                let event = ModelMember.Event.loseGiven(to: UInt8(peer))
                follow(state, Step(place: place, event: event), visit)
            }
        }
    }

    // MARK: One step

    /// The states after a step: several when more is on its way than may be, and some is lost.
    private mutating func follow(_ state: ModelState, _ step: Step, _ visit: Visit) {
        var broken: String?
        guard let next = self.step(state, step, &broken) else { return }
        lose(next, from: 0, step, broken, visit)
    }

    private func lose(
        _ state: ModelState, from first: Int, _ step: Step, _ broken: String?, _ visit: Visit
    ) {
        guard state.networkCount > bounds.networkCountMax else {
            return visit(state, step, broken)
        }
        for place in first..<state.networkCount {
            if place > first, state.network[place] == state.network[place - 1] { continue }
            var next = state
            next.remove(at: place)
            lose(next, from: place, step, broken, visit)
        }
    }

    private mutating func step(_ state: ModelState, _ step: Step) -> ModelState? {
        var broken: String?
        return self.step(state, step, &broken)
    }

    /// What follows, or nil where nothing does.
    private mutating func step(
        _ state: ModelState, _ step: Step, _ broken: inout String?
    ) -> ModelState? {
        let before = state.members[step.place]
        let outcome = outcome(of: step.event, at: before)
        guard !outcome.isNone else { return nil }
        let member = facts[Int(outcome.member)]
        guard member.term <= bounds.termMax else { return nil }
        var next = state
        next.members[step.place] = outcome.member
        for number in outcome.sent where !isDead(number, next) { next.add(number) }
        let old = facts[Int(before)]
        if old.diskTerm != member.diskTerm || old.isFollower != member.isFollower {
            forgetDead(&next)
        }
        broken = outcome.offence.map { "honest members refuse nothing of each other: \($0)" }
        let isSilent =
            old.isLeader == member.isLeader && old.diskTerm == member.diskTerm
            && old.diskVote == member.diskVote && old.term == member.term
            && old.commitIndex >= member.commitIndex && outcome.reads.isEmpty
            && !outcome.grants
        if !isSilent { record(outcome, step.place, old, &next, &broken) }
        return next
    }

    private func forgetDead(_ state: inout ModelState) {
        var place = 0
        while place < ModelState.networkCapacity, state.network[place] != 0 {
            if isDead(state.network[place], state) {
                state.remove(at: place)
            } else {
                place += 1
            }
        }
    }

    /// True for an answer that its receiver will make nothing of, whatever happens: its disk has
    /// a newer term, or this one, and another part in it.
    private func isDead(_ number: UInt16, _ state: ModelState) -> Bool {
        let message = messageFacts[Int(number) - 1]
        let receiver = facts[Int(state.members[message.to])]
        if message.isStaleTerm { return message.term <= receiver.diskTerm }
        guard message.isAnswer else { return false }
        return message.term < receiver.diskTerm
            || message.term == receiver.diskTerm
                && (receiver.isFollower || receiver.term > message.term)
    }
}
