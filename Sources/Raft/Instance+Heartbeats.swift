package import Primitives

// How a leader keeps its followers, and knows that it has.
//
// A heartbeat asks for a promise. A follower that has given one under the epoch at which its node
// supports this one needs no more heartbeats: it stands for no election until the support is
// withdrawn, and the nodes tell each other that for all groups at once. The support of a quorum
// that is bound is the leader's lease. Followers without a promise, or behind, hear from the
// leader at every interval, and have to answer within an election timeout.

extension Instance {
    /// The instant until which a quorum is bound to this leader; nil when there is no lease.
    ///
    /// - Parameter areRatesMeasured: false to count on the declared rates of clocks also where they
    ///   have not been measured so far, which takes seconds to a minute after each start.
    package func leaseExpiry(
        _ moment: Moment, areRatesMeasured: Bool = true
    ) -> MonotonicInstant? {
        guard case .leader(let leader) = role, !leader.isLeaseForfeited else { return nil }
        switch leader.phase {
        case .serving: break
        case .opening, .transferring, .draining: return nil
        }
        let expiry = configuration.quorumValue { voter -> MonotonicInstant in
            if voter == member { return MonotonicInstant(nanoseconds: .max) }
            guard let peer = leader.progress.first(where: { $0.member == voter }),
                let received = moment.support.received(from: voter),
                received.epoch == peer.promise, received.isClockTrusted || !areRatesMeasured
            else { return MonotonicInstant(nanoseconds: .min) }
            return received.until
        }
        return expiry > moment.now ? expiry : nil
    }

    /// True when the member's node supports this one, and it is bound to this leader.
    private func isBoundToUs(_ peer: Progress, _ moment: Moment) -> Bool {
        guard let received = moment.support.received(from: peer.member) else { return false }
        return received.epoch == peer.promise && moment.now < received.until
    }

    /// True when there is nothing to say to the member: it is bound, has everything, and knows.
    private func isQuiet(_ peer: Progress, _ moment: Moment) -> Bool {
        isBoundToUs(peer, moment) && peer.match == log.lastIndex
            && peer.knownCommit == commitIndex
    }

    /// Sets the timers of a leader that has something to wait for, and takes them from one that
    /// has not.
    mutating func armTimers(_ moment: Moment) {
        if isIdle(moment) {
            leader.disarm()
        } else if leader.heartbeatAt == nil || leader.quorumCheckAt == nil {
            leader.arm(at: moment.now, options)
        }
    }

    private func isIdle(_ moment: Moment) -> Bool {
        leader.reads.isEmpty && leader.progress.allSatisfy { isQuiet($0, moment) }
    }

    mutating func tickLeader(_ moment: Moment, _ directives: inout [Directive]) {
        if case .transferring(let target, let deadline, _) = leader.phase,
            moment.now >= deadline
        {
            leader.phase = .serving
            directives.append(.transferAborted(to: target))
        }
        if let due = leader.quorumCheckAt, moment.now >= due {
            guard checkQuorum(moment, &directives) else { return }
        }
        if let due = leader.heartbeatAt, moment.now >= due {
            sendHeartbeats(moment, &directives)
        }
        armTimers(moment)
        considerPreference(moment, &directives)
    }

    /// Steps down unless a quorum was heard within an election timeout, or is bound.
    private mutating func checkQuorum(
        _ moment: Moment, _ directives: inout [Directive]
    ) -> Bool {
        let current = leader
        let hasQuorum = configuration.hasQuorum { voter in
            if voter == member { return true }
            guard let peer = current.progress.first(where: { $0.member == voter }) else {
                return false
            }
            let isHeard = peer.heardAt.map { moment.now - $0 < options.electionTimeout } ?? false
            return isHeard || isBoundToUs(peer, moment)
        }
        guard hasQuorum else {
            becomeFollower(term: hardState.term, leader: nil, moment, &directives)
            return false
        }
        leader.quorumCheckAt = moment.now + options.electionTimeout
        return true
    }

    mutating func sendHeartbeats(_ moment: Moment, _ directives: inout [Directive]) {
        leader.heartbeatAt = moment.now + options.heartbeatInterval
        let current = leader
        let isConfirming = !current.reads.isEmpty
        for (place, peer) in current.progress.enumerated() {
            let owesRound = isConfirming && peer.round < current.round
            guard owesRound || !isQuiet(peer, moment) else { continue }
            heartbeat(peer, &directives)
            leader.progress[place].isOverdue = peer.match < log.lastIndex
            repeatSnapshot(toPlace: place, &directives)
        }
    }

    func heartbeat(_ peer: Progress, _ directives: inout [Directive]) {
        let body = Message.Body.heartbeat(
            commitIndex: min(peer.match, commitIndex), round: leader.round)
        directives.append(.send(message(to: peer.member, body)))
    }

    mutating func onHeartbeatReply(
        _ reply: Message.HeartbeatReply, from peer: MemberID, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        guard case .leader(let current) = role else { return .ignored(.notLeader) }
        guard let place = place(of: peer) else { return .ignored(.unknownMember) }
        guard reply.round <= current.round else { return .refused(.neverSent) }
        note(heardFrom: place, knownCommit: reply.commitIndex, moment)
        leader.progress[place].promise = reply.promise ?? leader.progress[place].promise
        leader.progress[place].round = max(leader.progress[place].round, reply.round)
        // An append was lost, or its answer: the member is asked where it is.
        if leader.progress[place].isOverdue, leader.progress[place].match < log.lastIndex {
            leader.progress[place].isOverdue = false
            if case .probe = leader.progress[place].state {
                leader.progress[place].state = .probe(isWaiting: false)
            }
            sendAppends(toPlace: place, mustSend: true, moment, &directives)
        } else if leader.progress[place].knownCommit < commitIndex {
            leader.progress[place].toldCommit = leader.progress[place].knownCommit
            sendAppends(toPlace: place, mustSend: false, moment, &directives)
        }
        confirmReads(&directives)
        armTimers(moment)
        considerPreference(moment, &directives)
        return .taken
    }
}

extension Leader {
    /// Sets the timers that are not set.
    mutating func arm(at now: MonotonicInstant, _ options: Options) {
        heartbeatAt = heartbeatAt ?? now + options.heartbeatInterval
        quorumCheckAt = quorumCheckAt ?? now + options.electionTimeout
    }

    mutating func disarm() {
        heartbeatAt = nil
        quorumCheckAt = nil
    }
}
