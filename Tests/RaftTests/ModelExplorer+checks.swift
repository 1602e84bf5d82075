import Primitives
import Raft

// What must be true.

extension ModelExplorer {
    /// Takes up what a step has shown, and holds it against what was shown before.
    mutating func record(
        _ outcome: Outcome, _ place: Int, _ before: ModelFacts, _ state: inout ModelState,
        _ broken: inout String?
    ) {
        let member = facts[Int(outcome.member)]
        let old = histories[Int(state.history)]
        var history = old
        let name = UInt8(place) + 1
        if member.isLeader {
            let known = history.leaders[Int(member.term)]
            if known != 0, known != name {
                broken = "election safety: \(known) and \(name) lead term \(member.term)"
            }
            history.leaders[Int(member.term)] = name
        }
        if member.diskVote != 0 {
            vote(of: place, member.diskVote, member.diskTerm, &history, &broken)
        }
        for number in outcome.sent {
            let message = messageFacts[Int(number) - 1]
            guard message.grants else { continue }
            vote(of: place, UInt8(message.to) + 1, message.term, &history, &broken)
        }
        if member.commitIndex > LogIndex(history.committed.count) {
            // One that is removed commits that, and leads no more.
            let mayCommit = member.isLeader || before.isLeader && before.term == member.term
            if !mayCommit { broken = "\(name) commits what no leader has" }
            for entry in member.log.prefix(Int(member.commitIndex))
                .dropFirst(history.committed.count)
            {
                history.committed.append(entry)
                history.committedIn.append(member.term)
            }
            history.configuration = member.configuration
        }
        for read in outcome.reads {
            let floor = history.reads[Int(read.id)]
            history.reads[Int(read.id)] = 0
            guard let index = read.index else { continue }
            readCount += 1
            if !member.isLeader { forwardedCount += 1 }
            if floor > 0, index + 1 < LogIndex(floor) {
                broken = "a read at \(index) misses what was committed: \(floor - 1)"
            }
        }
        if history != old { state.history = number(of: history) }
    }

    private func vote(
        of place: Int, _ candidate: UInt8, _ term: Term, _ history: inout ModelHistory,
        _ broken: inout String?
    ) {
        let known = history.votes[place][Int(term)]
        if known != 0, known != candidate {
            broken = "one vote a term: \(place + 1) for \(known) and \(candidate) in \(term)"
        }
        history.votes[place][Int(term)] = candidate
    }

    /// What is wrong in a state.
    mutating func fault(in state: ModelState) -> String? {
        let history = histories[Int(state.history)]
        commitMax = max(commitMax, LogIndex(history.committed.count))
        var newest: ModelFacts?
        var leaderCount = 0
        for place in 0..<ModelBounds.memberCount {
            let member = facts[Int(state.members[place])]
            if let fault = member.fault { return "a member by itself: \(place + 1) has \(fault)" }
            let known = Int(member.commitIndex)
            if known > history.committed.count
                || member.log.prefix(known) != history.committed.prefix(known)
            {
                return "state machine safety: \(place + 1) takes other entries for committed"
            }
            if member.isLeader {
                leaderCount += 1
                if member.term > newest?.term ?? 0 { newest = member }
                if let fault = incompleteness(of: member, history) {
                    return "leader completeness: \(place + 1) \(fault)"
                }
            }
            for other in 0..<place {
                let peer = facts[Int(state.members[other])]
                let isAgreed =
                    (member.logNumber == peer.logNumber || agree(member.log, peer.log))
                    && agree(member.disk, peer.disk)
                if !isAgreed { return "log matching: \(other + 1) and \(place + 1)" }
            }
        }
        if leaderCount > 1 { rivalCount += 1 }
        if facts[Int(state.members[0])].isInstalling || facts[Int(state.members[1])].isInstalling
            || facts[Int(state.members[2])].isInstalling
        {
            installCount += 1
        }
        return undurable(state, history, newest) ?? electable(state, history)
            ?? lease(state, newest)
    }

    /// Where two logs have the same term at an index, they are the same before it.
    private func agree(_ one: [LogEntry], _ other: [LogEntry]) -> Bool {
        var isSame = false
        for place in (0..<min(one.count, other.count)).reversed() {
            let isEqual = one[place] == other[place]
            if one[place].term == other[place].term || isSame {
                guard isEqual else { return false }
                isSame = true
            }
        }
        return true
    }

    private func incompleteness(
        of member: ModelFacts, _ history: ModelHistory
    ) -> String? {
        for (place, entry) in history.committed.enumerated()
        where history.committedIn[place] < member.term {
            if place >= member.log.count || member.log[place] != entry {
                return "leads term \(member.term) without \(ScriptText.describe(entry))"
            }
        }
        return nil
    }

    /// What is committed is on the disks of a quorum, and in every quorum that can decide now
    /// somebody has it.
    private func undurable(
        _ state: ModelState, _ history: ModelHistory, _ newest: ModelFacts?
    ) -> String? {
        guard let last = history.committed.last else { return nil }
        var holders = 0
        for place in 0..<ModelBounds.memberCount {
            let member = facts[Int(state.members[place])]
            // Who has lost it and knows that helps nobody who lacks it, either.
            let owes = member.diskRecovery.map { last.index <= $0.index && last.term <= $0.term }
            if owes == true
                || member.disk.count >= last.index
                    && member.disk[Int(last.index) - 1] == last
            {
                holders |= 1 << place
            }
        }
        func holds(_ member: MemberID) -> Bool { holders >> Int(member.rawValue - 1) & 1 == 1 }
        if !history.configuration.hasQuorum(holds) {
            return "committed is durable: \(ScriptText.describe(last)) is on too few disks"
        }
        guard let newest else { return nil }
        if newest.configuration.hasQuorum({ !holds($0) }) {
            return "quorum log: a quorum of \(newest.configuration) does not have "
                + ScriptText.describe(last)
        }
        if newest.term >= history.committedIn.last ?? 0,
            !newest.configuration.intersects(history.configuration)
        {
            return "joint configuration: \(newest.configuration) and \(history.configuration)"
        }
        return nil
    }

    /// Nobody who lacks what is committed could be elected, if all crashed now and it stood first.
    private func electable(_ state: ModelState, _ history: ModelHistory) -> String? {
        guard let last = history.committed.last else { return nil }
        for place in 0..<ModelBounds.memberCount {
            let member = facts[Int(state.members[place])]
            let has = member.disk.count >= last.index && member.disk[Int(last.index) - 1] == last
            guard !has, member.diskRecovery == nil,
                member.diskConfiguration.isVoter(MemberID(UInt64(place) + 1))
            else { continue }
            let isElectable = member.diskConfiguration.hasQuorum { voter in
                let peer = facts[Int(state.members[Int(voter.rawValue) - 1])]
                guard peer.diskRecovery == nil else { return false }
                let own = peer.diskLast
                return member.diskLast.term != own.term
                    ? member.diskLast.term > own.term : member.diskLast.index >= own.index
            }
            if isElectable {
                return "leader completeness: \(place + 1) could be elected without "
                    + ScriptText.describe(last)
            }
        }
        return nil
    }

    /// While a lease counts, nobody leads a newer term: more than that nobody has committed in it.
    private mutating func lease(_ state: ModelState, _ newest: ModelFacts?) -> String? {
        guard let newest else { return nil }
        var isLeased = false
        for place in 0..<ModelBounds.memberCount {
            let member = facts[Int(state.members[place])]
            guard member.hasLease else { continue }
            isLeased = true
            if newest.term > member.term {
                return "lease safety: \(place + 1) has a lease in term \(member.term), and "
                    + "another leads term \(newest.term)"
            }
        }
        if isLeased { leaseCount += 1 }
        return nil
    }

    // MARK: Telling

    func describe(_ step: Step, from before: ModelState, to after: ModelState) -> [String] {
        let name = step.place + 1
        func text(_ number: UInt16) -> String {
            ScriptText.describe(messages[Int(number) - 1])
        }
        var line: String
        switch step.event {
        case .deliver(let number): line = "\(name) gets: \(text(number))"
        case .deliverLapsed(let number):
            line = "\(name) has missed its leader, and gets: \(text(number))"
        case .persisted: line = "\(name) has stored its oldest write"
        case .crash(let count): line = "\(name) crashes, keeps \(count) writes, and starts again"
        case .damage(let count, let depth):
            line = "\(name) crashes, keeps \(count) writes, and has lost its last \(depth) entries"
        case .stand: line = "\(name) stands for election"
        case .electionTimeout: line = "\(name) asks who would vote for it"
        case .propose(let payload): line = "\(name) takes proposal \(payload)"
        case .change(let place): line = "\(name) changes the members: \(bounds.changes[Int(place)])"
        case .transfer(let target): line = "\(name) hands over to \(target + 1)"
        case .read(let id): line = "\(name) is asked for read \(id)"
        case .loseReceived(let peer): line = "\(name) does not count on node \(peer + 1) any more"
        case .loseGiven(let peer): line = "\(name) does not support node \(peer + 1) any more"
        case .heartbeat: line = "\(name) speaks again"
        case .silence: line = "\(name) has heard of nobody for an election timeout"
        case .compact: line = "\(name) writes a checkpoint"
        }
        let member = members[Int(after.members[step.place])]
        line += "\n    → " + ScriptText.describe(member.instance)
        if member.hasLease { line += ", has a lease" }
        line += "; disk: \(ScriptText.describe(member.hardState)), "
        line += ScriptText.describe(member.entries) + " behind \(member.past.count)"
        line += "; \(member.writes.count) writes"
        return [line]
    }
}
