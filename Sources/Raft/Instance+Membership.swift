public import Primitives

// Changes of the members, and of who leads them.

extension Instance {
    /// Why a change of members, or a transfer, was not begun.
    public enum ChangeRefusal: Error, Hashable, Sendable {
        case notServing
        /// The change before is not committed, or its joint configuration not left.
        case isChanging
        case isTransferring
        case impossible(Configuration.Refusal)
        /// The learner is this many entries behind, or nobody has heard of it: a voter that is not
        /// caught up would hold up everybody, or count where it has nothing.
        case learnerIsBehind(MemberID, entryCount: LogIndex)
        /// Only a voter other than the leader itself can take over.
        case notVoter(MemberID)
        /// Nothing was heard from the member lately.
        case unreachable(MemberID)
    }

    /// Changes the members; returns the index of the first entry of it. A change of voters goes
    /// through a joint configuration, which the leader leaves by itself.
    public mutating func change(
        _ changes: [Configuration.Change], _ moment: Moment, _ directives: inout [Directive]
    ) throws(ChangeRefusal) -> LogIndex {
        guard case .leader(let leader) = role else { throw .notServing }
        switch leader.phase {
        case .opening, .draining: throw .notServing
        case .transferring: throw .isTransferring
        case .serving: break
        }
        guard configurations.latestIndex <= commitIndex, !configuration.isJoint else {
            throw .isChanging
        }
        for case .promote(let learner) in changes {
            let peer = leader.progress.first { $0.member == learner }
            let lag = log.lastIndex - (peer?.match ?? 0)
            guard let peer, case .replicate = peer.state, isReachable(peer, moment),
                lag <= options.promotionLagMax
            else { throw .learnerIsBehind(learner, entryCount: lag) }
        }
        let next: Configuration
        do {
            next = try configuration.applying(changes)
        } catch {
            throw .impossible(error)
        }
        let index = log.lastIndex + 1
        appendConfiguration(next, moment, &directives)
        settle(&directives)
        return index
    }

    /// True when the member can be heard, and has nearly everything: what a promotion asks for.
    public func isCaughtUp(_ member: MemberID, _ moment: Moment) -> Bool {
        guard case .leader(let leader) = role,
            let peer = leader.progress.first(where: { $0.member == member }),
            case .replicate = peer.state, isReachable(peer, moment)
        else { return false }
        return log.lastIndex - peer.match <= options.promotionLagMax
    }

    private mutating func appendConfiguration(
        _ next: Configuration, _ moment: Moment, _ directives: inout [Directive]
    ) {
        append([(.configuration, next.encoded)])
        configurations.append(next, at: log.lastIndex)
        let current = leader.progress
        leader.progress = next.members.filter { $0 != member }.map { peer in
            current.first { $0.member == peer } ?? Progress(member: peer, next: log.lastIndex)
        }
        directives.append(.configurationChanged(next))
        replicate(moment, &directives)
        confirmReads(&directives)
        armTimers(moment)
    }

    /// Leaves a joint configuration that is committed.
    mutating func leaveJointIfCommitted(_ moment: Moment, _ directives: inout [Directive]) {
        guard case .leader(let leader) = role, leader.phase != .opening,
            configuration.isJoint, configurations.latestIndex <= commitIndex
        else { return }
        appendConfiguration(configuration.leavingJoint(), moment, &directives)
    }

    /// A leader that the committed configuration does not name as a voter steps down; the others
    /// were told of the commit before.
    mutating func leaveIfRemoved(_ moment: Moment, _ directives: inout [Directive]) {
        guard case .leader = role, configurations.latestIndex <= commitIndex,
            !configuration.isVoter(member)
        else { return }
        becomeFollower(term: hardState.term, leader: nil, moment, &directives)
    }

    // MARK: Handing over

    /// Hands the leadership to a voter, once it has everything; gives up after an election timeout
    /// (`transferAborted`).
    public mutating func transferLeadership(
        to target: MemberID, _ moment: Moment, _ directives: inout [Directive]
    ) throws(ChangeRefusal) {
        guard case .leader(let current) = role else { throw .notServing }
        switch current.phase {
        case .opening, .draining: throw .notServing
        case .transferring: throw .isTransferring
        case .serving: break
        }
        guard target != member, configuration.voters.contains(target),
            let place = place(of: target)
        else { throw .notVoter(target) }
        guard isReachable(current.progress[place], moment) else { throw .unreachable(target) }
        // There is no lease meanwhile, nor afterwards once somebody was asked to stand.
        leader.phase = .transferring(
            to: target, deadline: moment.now + options.electionTimeout, isAsked: false)
        continueTransfer(place, &directives)
        settle(&directives)
    }

    /// True when the member was heard lately, or its node supports this one.
    func isReachable(_ peer: Progress, _ moment: Moment) -> Bool {
        if let heard = peer.heardAt, moment.now - heard < options.electionTimeout { return true }
        return moment.support.received(from: peer.member).map { moment.now < $0.until } ?? false
    }

    /// Asks the target of a transfer to stand as soon as it has everything.
    mutating func continueTransfer(_ place: Int, _ directives: inout [Directive]) {
        guard case .transferring(let target, let deadline, isAsked: false) = leader.phase,
            leader.progress[place].member == target,
            leader.progress[place].match == log.lastIndex
        else { return }
        leader.phase = .transferring(to: target, deadline: deadline, isAsked: true)
        leader.isLeaseForfeited = true
        post(.timeoutNow, to: target, &directives)
    }

    /// Begins another term, where this member leads and can have no lease in its own any more: for
    /// groups whose work needs one, after `transferAborted`. What is under way is lost with the old
    /// term. Does nothing where there can be a lease.
    public mutating func renewTerm(_ moment: Moment, _ directives: inout [Directive]) {
        guard case .leader(let leader) = role, leader.isLeaseForfeited,
            case .serving = leader.phase
        else { return }
        becomeFollower(term: hardState.term, leader: nil, moment, &directives)
        stand(isTransfer: false, moment, &directives)
        settle(&directives)
    }

    /// Says in whose hands the leadership should be: members in the group's home region. Others
    /// wait longer before they stand, and hand over when one of these is up to date.
    ///
    /// - Parameter handsOver: false where somebody else looks after that, and lets what is under
    ///   way end first.
    public mutating func prefer(
        _ members: [MemberID], handsOver: Bool = true, _ moment: Moment,
        _ directives: inout [Directive]
    ) {
        preferredLeaders = members
        handsOverToPreferred = handsOver
        if case .leader = role { considerPreference(moment, &directives) }
        settle(&directives)
    }

    mutating func considerPreference(_ moment: Moment, _ directives: inout [Directive]) {
        guard case .leader(let current) = role, case .serving = current.phase,
            handsOverToPreferred, !preferredLeaders.isEmpty, !preferredLeaders.contains(member),
            moment.now >= current.preferenceAt ?? moment.now, !configuration.isJoint
        else { return }
        let candidate = current.progress.first { peer in
            preferredLeaders.contains(peer.member) && configuration.voters.contains(peer.member)
                && peer.match == log.lastIndex && isReachable(peer, moment)
        }
        leader.preferenceAt = nil
        guard let candidate else { return }
        leader.preferenceAt = moment.now + options.electionTimeout * 10
        // It was just seen to be possible; if it is not any more, it is tried again later.
        try? transferLeadership(to: candidate.member, moment, &directives)
    }
}
