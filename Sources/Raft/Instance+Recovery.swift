public import Primitives

// A member whose disk has lost entries that it had acknowledged (Alagappan et al., "Protocol-Aware
// Recovery for Consensus-Based Storage", 2018).
//
// The disk still knows term, vote and promise, and where the log ended; so it is known what is
// missing, and only its content is lost. The member starts with what comes before the first lost
// entry, and with a goal (`HardState.recovery`): the last index that it had acknowledged. The goal
// is on disk before, or with, the first entry that is written over the damage, and stays until it
// is reached.
//
//   recovering ── its log agrees with a leader's, or begins behind a snapshot, ──▶ ordinary
//                 at the goal's index or at an entry of a newer term
//
// While it recovers it gives no vote and no pre-vote, does not stand, takes no leadership over,
// and answers no reads. What it does:
//
//  - It acknowledges what it stores anew, and that counts. A committed entry is held by a quorum
//    of disks. A quorum that elects a leader shares a voter with it; that voter does not recover,
//    or it would not have voted; so it holds what it has acknowledged. What a recovering member
//    acknowledges anew it holds until its next damage, which makes another goal.
//  - It answers heartbeats and keeps its promise: both say that it helps nobody else, which is
//    more than true, and neither says anything of its log.
//
// Why the goal is enough. An entry that this member had acknowledged, and that is committed, lies
// at or before the goal's index, and in the log of every leader of a term that is at least the one
// it was acknowledged in; only such leaders are heard. So a log that agrees with such a leader's
// through that index has it. And so has one that agrees through an entry of a term newer than all
// that were acknowledged: everything committed in older terms lies before it. What was acknowledged
// and was not committed may be gone for good: nobody was told that it was.
//
// A leader of the same term still believes the old acknowledgements. That is harmless, by the same
// argument, but it would send nothing; so the member says where its log ends (`recovering`), again
// and again until it has recovered, and the leader begins there. To everybody else the same message
// says why no vote comes. Where too many recover, nobody can be elected, and nothing that was
// committed can be told from what was not: `blockers` names them.

extension Instance {
    /// A member that has said that it recovers.
    package struct Recovering: Hashable, Sendable {
        package let member: MemberID
        package let goal: LogIndex
        package let heardAt: MonotonicInstant
    }

    /// True until this member holds again what its disk had acknowledged.
    public var isRecovering: Bool { hardState.recovery != nil }

    /// The voters that recover, this member among them, if nobody leads and they are so many that
    /// nobody can be elected before some are repaired by hand; empty otherwise.
    public func blockers(_ moment: Moment) -> [MemberID] {
        guard knownLeader == nil else { return [] }
        var known = recoveringPeers.filter {
            moment.now - $0.heardAt < options.electionTimeout * Self.recoveringCountsFor
        }.map(\.member)
        if isRecovering { known.append(member) }
        let canElect = configuration.hasQuorum { !known.contains($0) }
        return canElect ? [] : known.filter(configuration.isVoter).sorted()
    }

    /// In election timeouts: a member that recovers says so in each.
    private static let recoveringCountsFor = 5

    /// Takes up the goal that the disk remembers, unless the state on disk covers it: that is
    /// committed. It is written before anything else, as it may be known from the damage only.
    mutating func beginRecovery() {
        guard let goal = hardState.recovery else { return }
        let applied = LogPosition(index: appliedIndex, term: log.term(at: appliedIndex) ?? 0)
        if goal.isReached(by: applied) { hardState.recovery = nil }
        writing.isHardStateDirty = true
    }

    /// The log agrees with that of a leader of this term, or with a snapshot, through `position`.
    /// That the recovery is over is written behind, or with, what ended it.
    mutating func noteAgreement(through position: LogPosition) {
        guard let goal = hardState.recovery, goal.isReached(by: position) else { return }
        updateHardState { $0.recovery = nil }
        recoveryNoticeAt = nil
    }

    // MARK: Saying it

    /// Says it to the leader, or to everybody while there is none, once in an election timeout.
    mutating func repeatRecoveryNotice(_ moment: Moment, _ directives: inout [Directive]) {
        guard isRecovering, moment.now >= recoveryNoticeAt ?? moment.now else { return }
        recoveryNoticeAt = moment.now + options.electionTimeout
        let receivers = knownLeader.map { [$0] } ?? configuration.members
        for receiver in receivers where receiver != member {
            tellRecovery(to: receiver, &directives)
        }
    }

    mutating func tellRecovery(to receiver: MemberID, _ directives: inout [Directive]) {
        guard let goal = hardState.recovery else { return }
        let notice = Message.Recovery(last: log.last, goal: goal.index)
        post(.recovering(notice), to: receiver, &directives)
    }

    // MARK: Hearing it

    mutating func onRecovering(
        _ notice: Message.Recovery, from peer: MemberID, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        let configuration = configuration
        recoveringPeers.removeAll { $0.member == peer || !configuration.contains($0.member) }
        recoveringPeers.append(
            Recovering(member: peer, goal: notice.goal, heardAt: moment.now))
        guard let place = place(of: peer) else { return .taken }
        let known = leader.progress[place]
        note(heardFrom: place, knownCommit: min(known.knownCommit, notice.last.index), moment)
        // It may be an old one that comes late: the member is then told what it has already.
        let agreed = log.lastIndex(
            upTo: notice.last.index, withTermAtMost: notice.last.term)
        if leader.progress[place].lose(behind: min(agreed.index, notice.last.index)) {
            sendAppends(toPlace: place, mustSend: true, moment, &directives)
        }
        armTimers(moment)
        return .taken
    }

    /// A peer has voted, or stores what it had lost: it does not recover any more.
    mutating func noteRecovered(_ peer: MemberID, through index: LogIndex) {
        recoveringPeers.removeAll { $0.member == peer && $0.goal <= index }
    }
}
