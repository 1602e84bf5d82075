public import Primitives

// How a leader comes about.
//
// Pre-vote keeps a member that was cut off from raising anybody's term. A voter that hears from a
// leader, or is bound to one by a promise, helps nobody else. Both could leave a group without a
// leader where they are alone; the ways out are: whoever gets an old leader's message answers with
// its newer term (`staleTerm`), a refusal of a pre-vote carries the refuser's term, and a member
// votes when it is asked, whether or not it knows already that it is a voter.

extension Instance {
    /// An instant one to two election timeouts away, by chance, so that members rarely stand at
    /// the same time.
    mutating func electionDeadline(from moment: Moment) -> MonotonicInstant {
        let base = options.electionTimeout.wholeNanoseconds
        let extra = Int64(random.next() % UInt64(max(1, base)))
        // Members outside the home region wait longer, and seldom win against one in it.
        return moment.now + .nanoseconds(isPreferred ? base + extra : 2 * base + extra)
    }

    /// An instant within half an election timeout, by chance, for a member that nothing holds back
    /// any more: the leader has said that it is one no longer, or its node's support has run out.
    /// The member has waited for that already, and waits on only so that not all stand at once.
    mutating func electionDeadlineOnceFree(from moment: Moment) -> MonotonicInstant {
        let spread = max(1, options.electionTimeout.wholeNanoseconds / 2)
        let chance = Int64(random.next() % UInt64(spread))
        return moment.now + .nanoseconds(isPreferred ? chance : spread + chance)
    }

    /// Whether the member is in the group's home region; every one is where there is none.
    private var isPreferred: Bool {
        preferredLeaders.isEmpty || preferredLeaders.contains(member)
    }

    /// True while this node's support of another leader's node, under which a promise was made,
    /// is not withdrawn.
    func isBound(_ moment: Moment) -> Bool {
        guard let promise = hardState.promise, promise.leader != member else { return false }
        return moment.support.given(to: promise.leader) == promise.epoch
    }

    /// True while a leader is to be let alone by everybody but `candidate`, whom it may be itself.
    private func isSticky(against candidate: MemberID, _ moment: Moment) -> Bool {
        if isBound(moment), hardState.promise?.leader != candidate { return true }
        switch role {
        case .leader:
            return true
        case .follower(let follower):
            guard let leader = follower.leader, leader != candidate, let heard = follower.heardAt
            else { return false }
            return moment.now - heard < options.electionTimeout
        case .preCandidate, .candidate, .stopped:
            return false
        }
    }

    /// No leader was heard of for too long.
    mutating func electionTimedOut(_ moment: Moment, _ directives: inout [Directive]) {
        var canStand = configuration.isVoter(member) && !isBound(moment)
        // The log ends before what is being installed, or before what it had acknowledged.
        if case .installing = intake { canStand = false }
        if isRecovering { canStand = false }
        guard canStand else {
            becomeFollower(term: hardState.term, leader: nil, moment, &directives)
            return
        }
        announce(leader: nil, &directives)
        role = .preCandidate(
            Poll(granted: [member], deadline: electionDeadline(from: moment)))
        let candidacy = Message.Candidacy(last: log.last, isTransfer: false)
        for peer in configuration.members where peer != member && configuration.isVoter(peer) {
            let term = hardState.term + 1
            directives.append(.send(message(to: peer, term: term, .preVote(candidacy))))
        }
        if configuration.hasQuorum({ $0 == member }) {
            stand(isTransfer: false, moment, &directives)
        }
    }

    /// Begins a term and asks for votes.
    mutating func stand(isTransfer: Bool, _ moment: Moment, _ directives: inout [Directive]) {
        updateHardState { [member] in
            $0.term += 1
            $0.vote = member
        }
        role = .candidate(
            Poll(
                deadline: electionDeadline(from: moment), ownVoteToken: writing.nextToken))
        announce(leader: nil, &directives)
        let candidacy = Message.Candidacy(last: log.last, isTransfer: isTransfer)
        for peer in configuration.members where peer != member && configuration.isVoter(peer) {
            post(.vote(candidacy), to: peer, &directives)
        }
    }

    /// Becomes the leader once a quorum, the own vote on its own disk among it, grants.
    mutating func countVotes(_ moment: Moment, _ directives: inout [Directive]) {
        guard case .candidate(let poll) = role else { return }
        if configuration.hasQuorum(poll.granted.contains) {
            becomeLeader(moment, &directives)
        } else if configuration.hasQuorum(poll.refused.contains) {
            becomeFollower(term: hardState.term, leader: nil, moment, &directives)
        }
    }

    // MARK: Being asked

    private func isUpToDate(_ last: LogPosition) -> Bool {
        last.term != log.last.term
            ? last.term > log.last.term : last.index >= log.last.index
    }

    mutating func onPreVote(
        _ candidacy: Message.Candidacy, from candidate: MemberID, term: Term, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        guard !isSticky(against: candidate, moment) else {
            // Whoever asks a leader does not know it, nor therefore what it counts on.
            if let place = place(of: candidate) {
                heartbeat(leader.progress[place], &directives)
            }
            askIfLeading(moment, &directives)
            return .ignored(.leaderIsAlive)
        }
        if term > hardState.term, !isRecovering, isUpToDate(candidacy.last) {
            let reply = message(to: candidate, term: term, .preVoteReply(isGranted: true))
            directives.append(.send(reply))
        } else {
            post(.preVoteReply(isGranted: false), to: candidate, &directives)
            tellRecovery(to: candidate, &directives)
        }
        return .taken
    }

    /// Somebody misses the leader that this member is bound to: tells that one of the promise
    /// again. If it leads no more, it says so (`releaseIfPromised`), whatever was lost before.
    mutating func askIfLeading(_ moment: Moment, _ directives: inout [Directive]) {
        guard isBound(moment), let promise = hardState.promise else { return }
        let reply = Message.HeartbeatReply(
            round: 0, promise: promise.epoch, commitIndex: commitIndex)
        post(.heartbeatReply(reply), to: promise.leader, &directives)
    }

    /// The way to a member is open again, and what was said meanwhile is lost. A member that is
    /// bound to it tells it how far it is: where all is quiet nobody else would speak first, and
    /// one that has started anew would not learn what is committed.
    public mutating func onReconnected(
        to member: MemberID, _ moment: Moment, _ directives: inout [Directive]
    ) {
        guard case .follower = role else { return }
        tellRecovery(to: member, &directives)
        if hardState.promise?.leader == member { askIfLeading(moment, &directives) }
        settle(&directives)
    }

    mutating func onPreVoteReply(
        isGranted: Bool, from voter: MemberID, term: Term, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        guard case .preCandidate(var poll) = role, !isGranted || term == hardState.term + 1 else {
            return .ignored(.notCandidate)
        }
        guard configuration.contains(voter) else { return .ignored(.unknownMember) }
        if isGranted { noteRecovered(voter, through: .max) }
        poll.count(voter, isGranted: isGranted)
        role = .preCandidate(poll)
        if configuration.hasQuorum(poll.granted.contains) {
            // A promise may have been made since the question was asked.
            guard !isBound(moment) else {
                becomeFollower(term: hardState.term, leader: nil, moment, &directives)
                return .ignored(.leaderIsAlive)
            }
            stand(isTransfer: false, moment, &directives)
        }
        return .taken
    }

    mutating func onVote(
        _ candidacy: Message.Candidacy, from candidate: MemberID, term: Term, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        guard candidacy.isTransfer || !isSticky(against: candidate, moment) else {
            return .ignored(.leaderIsAlive)
        }
        if term > hardState.term {
            becomeFollower(term: term, leader: nil, moment, &directives)
        }
        let isFree = hardState.vote == nil && knownLeader == nil
        let mayVote = (isFree || hardState.vote == candidate) && !isRecovering
        guard mayVote, isUpToDate(candidacy.last) else {
            post(.voteReply(isGranted: false), to: candidate, &directives)
            tellRecovery(to: candidate, &directives)
            return .taken
        }
        updateHardState { $0.vote = candidate }
        if case .follower(var follower) = role {
            follower.electionDeadline = electionDeadline(from: moment)
            role = .follower(follower)
        }
        post(.voteReply(isGranted: true), to: candidate, &directives)
        return .taken
    }

    mutating func onVoteReply(
        isGranted: Bool, from voter: MemberID, _ moment: Moment, _ directives: inout [Directive]
    ) -> Reception {
        guard case .candidate(var poll) = role else { return .ignored(.notCandidate) }
        guard configuration.contains(voter) else { return .ignored(.unknownMember) }
        poll.count(voter, isGranted: isGranted)
        role = .candidate(poll)
        countVotes(moment, &directives)
        return .taken
    }

    /// The leader hands over to this member.
    mutating func onTimeoutNow(
        from leader: MemberID, _ moment: Moment, _ directives: inout [Directive]
    ) -> Reception {
        guard case .follower(let follower) = role, follower.leader == leader else {
            return .ignored(.staleAnswer)
        }
        guard configuration.isVoter(member) else { return .ignored(.notVoter) }
        guard !isRecovering else { return .ignored(.isRecovering) }
        if case .installing = intake { return .ignored(.isInstalling) }
        stand(isTransfer: true, moment, &directives)
        return .taken
    }

    // MARK: Following

    /// Takes up a term, or a leader of this one, and gives up what it was.
    mutating func becomeFollower(
        term: Term, leader: MemberID?, _ moment: Moment, _ directives: inout [Directive]
    ) {
        if term > hardState.term {
            updateHardState {
                $0.term = term
                $0.vote = nil
            }
        }
        switch role {
        case .stopped:
            return
        case .leader(let leader):
            stopLeading(leader, moment, &directives)
        case .follower, .preCandidate, .candidate:
            break
        }
        role = .follower(
            Follower(
                leader: leader, heardAt: leader == nil ? nil : moment.now,
                electionDeadline: isBound(moment) ? nil : electionDeadline(from: moment)))
        announce(leader: leader, &directives)
    }

    mutating func announce(leader: MemberID?, _ directives: inout [Directive]) {
        guard leader != announcedLeader || hardState.term != announcedTerm else { return }
        // That nobody leads is told once, and not again with each term.
        let isNews = leader != nil || announcedLeader != nil
        announcedLeader = leader
        announcedTerm = hardState.term
        if isNews { directives.append(.leaderChanged(leader, term: hardState.term)) }
    }
}

extension Poll {
    mutating func count(_ voter: MemberID, isGranted: Bool) {
        granted.removeAll { $0 == voter }
        refused.removeAll { $0 == voter }
        if isGranted { granted.append(voter) } else { refused.append(voter) }
    }
}
