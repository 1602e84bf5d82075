import Primitives

// What comes in, and what a follower makes of its leader's log.

extension Instance {
    /// A message has come. A peer's mistake is a result, and changes nothing.
    public mutating func onMessage(
        _ message: Message, _ moment: Moment, _ directives: inout [Directive]
    ) -> Reception {
        if case .stopped = role { return .ignored(.stopped) }
        if let offence = offence(of: message) { return .refused(offence) }
        if message.term <= endedTerm, message.body.isOfLeader { return .ignored(.staleTerm) }
        // Whoever is asked is a member; another's newer term deposes nobody.
        if message.body.isAnswer, !configuration.contains(message.from) {
            return .ignored(.unknownMember)
        }
        let reception: Reception
        if message.term < hardState.term {
            reception = onStaleMessage(message, moment, &directives)
        } else {
            if message.term > hardState.term { takeUpTerm(of: message, moment, &directives) }
            reception = dispatch(message, moment, &directives)
        }
        deliverCommit(&directives)
        settle(&directives)
        return reception
    }

    /// What is wrong with a message whoever reads it.
    private func offence(of message: Message) -> Reception.Offence? {
        if message.cluster != cluster { return .otherCluster }
        if message.group != group { return .otherGroup }
        if message.to != member { return .otherMember }
        if message.from == member { return .ownIdentity }
        if message.term == 0 || message.term > Options.counterMax { return .termOutOfRange }
        return message.body.offence(of: message.term)
    }

    /// A newer term: who asks for votes is looked at first, everybody else is believed.
    private mutating func takeUpTerm(
        of message: Message, _ moment: Moment, _ directives: inout [Directive]
    ) {
        switch message.body {
        case .preVote, .vote, .preVoteReply(isGranted: true), .release, .releaseReply:
            break
        case .append, .heartbeat, .snapshotOffer, .snapshotChunk:
            becomeFollower(term: message.term, leader: message.from, moment, &directives)
        case .preVoteReply(isGranted: false), .voteReply, .appendReply, .heartbeatReply,
            .staleTerm, .timeoutNow, .readIndex, .readIndexReply, .snapshotReply, .recovering:
            becomeFollower(term: message.term, leader: nil, moment, &directives)
        }
    }

    /// An older term: its leader and its candidates are told the newer one.
    private mutating func onStaleMessage(
        _ message: Message, _ moment: Moment, _ directives: inout [Directive]
    ) -> Reception {
        switch message.body {
        case .append, .heartbeat, .snapshotOffer, .snapshotChunk:
            post(.staleTerm, to: message.from, &directives)
        case .preVote:
            post(.preVoteReply(isGranted: false), to: message.from, &directives)
        case .vote:
            post(.voteReply(isGranted: false), to: message.from, &directives)
        case .release(let ledTerm):
            return onRelease(ledTerm: ledTerm, from: message.from, moment, &directives)
        case .releaseReply(let ledTerm):
            return onReleaseReply(ledTerm: ledTerm, from: message.from)
        case .heartbeatReply(let reply):
            releaseIfPromised(reply, message.term, to: message.from, &directives)
        case .preVoteReply, .voteReply, .appendReply, .staleTerm, .timeoutNow, .readIndex,
            .readIndexReply, .snapshotReply, .recovering:
            break
        }
        return .ignored(.staleTerm)
    }

    private mutating func dispatch(
        _ message: Message, _ moment: Moment, _ directives: inout [Directive]
    ) -> Reception {
        let from = message.from
        switch message.body {
        case .preVote(let candidacy):
            return onPreVote(candidacy, from: from, term: message.term, moment, &directives)
        case .preVoteReply(let isGranted):
            return onPreVoteReply(
                isGranted: isGranted, from: from, term: message.term, moment, &directives)
        case .vote(let candidacy):
            return onVote(candidacy, from: from, term: message.term, moment, &directives)
        case .voteReply(let isGranted):
            return onVoteReply(isGranted: isGranted, from: from, moment, &directives)
        case .append(let append):
            guard heard(from, moment, &directives) else { return .refused(.secondLeader) }
            return onAppend(append, from: from, &directives)
        case .appendReply(let reply):
            return onAppendReply(reply, from: from, moment, &directives)
        case .heartbeat(let commitIndex, let round):
            guard heard(from, moment, &directives) else { return .refused(.secondLeader) }
            return onHeartbeat(commitIndex, round, from: from, moment, &directives)
        case .heartbeatReply(let reply):
            guard isLeader else {
                releaseIfPromised(reply, message.term, to: from, &directives)
                return .ignored(.notLeader)
            }
            return onHeartbeatReply(reply, from: from, moment, &directives)
        case .staleTerm:
            return .ignored(.staleAnswer)
        case .timeoutNow:
            return onTimeoutNow(from: from, moment, &directives)
        case .readIndex(let context):
            return onReadIndex(context, from: from, moment, &directives)
        case .readIndexReply(let context, let index):
            return onReadIndexReply(context, index, &directives)
        case .snapshotOffer(let descriptor):
            guard heard(from, moment, &directives) else { return .refused(.secondLeader) }
            return onSnapshotOffer(descriptor, from: from, &directives)
        case .snapshotChunk(let chunk):
            guard heard(from, moment, &directives) else { return .refused(.secondLeader) }
            return onSnapshotChunk(chunk, from: from, &directives)
        case .snapshotReply(let id, let storedByteCount):
            return onSnapshotReply(
                id: id, storedByteCount: storedByteCount, from: from, moment, &directives)
        case .release(let ledTerm):
            return onRelease(ledTerm: ledTerm, from: from, moment, &directives)
        case .releaseReply(let ledTerm):
            return onReleaseReply(ledTerm: ledTerm, from: from)
        case .recovering(let notice):
            return onRecovering(notice, from: from, moment, &directives)
        }
    }

    /// The leader of this term has spoken; false when there is another one.
    private mutating func heard(
        _ leader: MemberID, _ moment: Moment, _ directives: inout [Directive]
    ) -> Bool {
        switch role {
        case .follower(let follower):
            guard follower.leader == nil || follower.leader == leader else { return false }
        case .leader:
            return false
        case .preCandidate, .candidate, .stopped:
            break
        }
        // A newer leader was elected without this voter's help, so whoever it was promised to has
        // lost its quorum.
        if let promise = hardState.promise, promise.term < hardState.term,
            promise.leader != leader
        {
            updateHardState { $0.promise = nil }
        }
        becomeFollower(term: hardState.term, leader: leader, moment, &directives)
        return true
    }

    // MARK: The leader's log

    private mutating func onAppend(
        _ append: Message.Append, from leader: MemberID, _ directives: inout [Directive]
    ) -> Reception {
        if case .installing = intake { return .ignored(.isInstalling) }
        // What lies before the commit index is the same everywhere; the log may not have it any
        // more.
        if append.previous.index < commitIndex {
            let isConflict = append.entries.contains { entry in
                entry.index <= commitIndex
                    && log.term(at: entry.index).map { $0 != entry.term } ?? false
            }
            guard !isConflict else { return .refused(.conflictsWithCommitted) }
            acknowledge(through: commitIndex, to: leader, &directives)
            return .taken
        }
        guard log.term(at: append.previous.index) == append.previous.term else {
            let hint = log.lastIndex(
                upTo: append.previous.index, withTermAtMost: append.previous.term)
            let outcome = Message.AppendReply.Outcome.mismatch(
                previous: append.previous.index, hint: hint)
            post(
                .appendReply(Message.AppendReply(outcome: outcome, commitIndex: commitIndex)),
                to: leader, &directives)
            tellRecovery(to: leader, &directives)
            return .taken
        }
        if let new = append.entries.firstIndex(where: { log.term(at: $0.index) != $0.term }) {
            replace(with: append.entries[new...], &directives)
        }
        let last = append.previous.index + LogIndex(append.entries.count)
        commitIndex = max(commitIndex, min(append.commitIndex, last))
        noteAgreement(through: LogPosition(index: last, term: log.term(at: last) ?? 0))
        acknowledge(through: last, to: leader, &directives)
        return .taken
    }

    /// Takes entries over, and away what contradicts them.
    private mutating func replace(
        with entries: ArraySlice<LogEntry>, _ directives: inout [Directive]
    ) {
        guard let first = entries.first?.index else { return }
        let before = configurations.latest
        if first <= log.lastIndex {
            log.truncate(from: first)
            writing.generation += 1
            stableIndex = min(stableIndex, first - 1)
            _ = configurations.truncate(from: first)
        }
        for entry in entries {
            log.append(entry)
            guard entry.kind == .configuration else { continue }
            if let configuration = try? Configuration(encoded: entry.payload) {
                configurations.append(configuration, at: entry.index)
            }
        }
        markUnwritten(from: first)
        if configurations.latest != before {
            directives.append(.configurationChanged(configurations.latest))
        }
    }

    // MARK: Promises

    private mutating func onHeartbeat(
        _ leaderCommit: LogIndex, _ round: UInt64, from leader: MemberID, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        // The leader says no more than what this member's disk has acknowledged. A disk that has
        // lost that, and does not know it, has lost its promises as well, and must not count for
        // a lease.
        if leaderCommit <= log.lastIndex {
            commitIndex = max(commitIndex, leaderCommit)
        } else {
            guard isRecovering else { return .refused(.commitBeyondLog) }
            tellRecovery(to: leader, &directives)
        }
        let epoch = moment.support.given(to: leader)
        if let epoch {
            updateHardState {
                $0.promise = LeaderPromise(leader: leader, term: $0.term, epoch: epoch)
            }
            if case .follower(var follower) = role {
                follower.electionDeadline = nil
                role = .follower(follower)
            }
        }
        post(
            .heartbeatReply(
                Message.HeartbeatReply(round: round, promise: epoch, commitIndex: commitIndex)),
            to: leader, &directives)
        return .taken
    }

    private mutating func onRelease(
        ledTerm: Term, from leader: MemberID, _ moment: Moment, _ directives: inout [Directive]
    ) -> Reception {
        endedTerm = max(endedTerm, ledTerm)
        if let promise = hardState.promise, promise.leader == leader, promise.term <= ledTerm {
            updateHardState { $0.promise = nil }
        }
        if case .follower(var follower) = role {
            if follower.electionDeadline == nil {
                follower.electionDeadline = electionDeadlineOnceFree(from: moment)
            }
            if follower.leader == leader, hardState.term <= ledTerm {
                follower.leader = nil
                follower.heardAt = nil
            }
            role = .follower(follower)
            announce(leader: follower.leader, &directives)
        }
        post(.releaseReply(ledTerm: ledTerm), to: leader, &directives)
        return .taken
    }

    /// Somebody is bound to this member, which does not lead: a heartbeat from before it stopped
    /// has come late.
    private mutating func releaseIfPromised(
        _ reply: Message.HeartbeatReply, _ term: Term, to member: MemberID,
        _ directives: inout [Directive]
    ) {
        guard reply.promise != nil else { return }
        post(.release(ledTerm: term), to: member, &directives)
    }

    private mutating func onReleaseReply(ledTerm: Term, from member: MemberID) -> Reception {
        guard var owed = release, owed.ledTerm == ledTerm else { return .ignored(.staleAnswer) }
        owed.members.removeAll { $0 == member }
        release = owed.members.isEmpty ? nil : owed
        return .taken
    }
}

extension Message.Body {
    /// True for what only a leader says to its followers.
    fileprivate var isOfLeader: Bool {
        switch self {
        case .append, .heartbeat, .snapshotOffer, .snapshotChunk, .timeoutNow: true
        case .preVote, .preVoteReply, .vote, .voteReply, .appendReply, .heartbeatReply, .staleTerm,
            .readIndex, .readIndexReply, .snapshotReply, .release, .releaseReply, .recovering:
            false
        }
    }

    /// True for what only members say: when they are asked, or of themselves.
    fileprivate var isAnswer: Bool {
        switch self {
        case .preVoteReply, .voteReply, .appendReply, .heartbeatReply, .staleTerm, .snapshotReply,
            .recovering:
            true
        case .preVote, .vote, .append, .heartbeat, .timeoutNow, .readIndex, .readIndexReply,
            .snapshotOffer, .snapshotChunk, .release, .releaseReply:
            false
        }
    }

    /// What is wrong with the content whoever reads it.
    fileprivate func offence(of term: Term) -> Reception.Offence? {
        switch self {
        case .preVote(let candidacy), .vote(let candidacy):
            return candidacy.last.offence(before: term)
        case .append(let append):
            return append.offence(of: term)
        case .appendReply(let reply):
            guard reply.commitIndex <= Options.counterMax else { return .indexOutOfRange }
            switch reply.outcome {
            case .stored(let index):
                return index <= Options.counterMax ? nil : .indexOutOfRange
            case .mismatch(let previous, let hint):
                return previous <= Options.counterMax
                    ? hint.offence(before: .max) : .indexOutOfRange
            }
        case .heartbeat(let commitIndex, _):
            return commitIndex <= Options.counterMax ? nil : .indexOutOfRange
        case .heartbeatReply(let reply):
            return reply.commitIndex <= Options.counterMax ? nil : .indexOutOfRange
        case .readIndexReply(_, let index):
            return index ?? 0 <= Options.counterMax ? nil : .indexOutOfRange
        case .snapshotOffer(let descriptor):
            return descriptor.position.offence(before: term + 1)
        case .snapshotChunk(let chunk):
            let isSane = chunk.offset <= Options.counterMax && !chunk.bytes.isEmpty
            return isSane ? nil : .oversizedSnapshot
        case .recovering(let notice):
            return notice.goal <= Options.counterMax
                ? notice.last.offence(before: term + 1) : .indexOutOfRange
        case .release(let ledTerm), .releaseReply(let ledTerm):
            return ledTerm <= Options.counterMax ? nil : .termOutOfRange
        case .preVoteReply, .voteReply, .staleTerm, .timeoutNow, .readIndex, .snapshotReply:
            return nil
        }
    }
}

extension LogPosition {
    fileprivate func offence(before term: Term) -> Reception.Offence? {
        guard index <= Options.counterMax else { return .indexOutOfRange }
        return self.term < term ? nil : .termOutOfRange
    }
}

extension Message.Append {
    fileprivate func offence(of term: Term) -> Reception.Offence? {
        guard previous.index <= Options.counterMax, commitIndex <= Options.counterMax else {
            return .indexOutOfRange
        }
        guard previous.term <= term else { return .entryTerm }
        var last = previous
        for entry in entries {
            guard entry.index == last.index + 1 else { return .entryOrder }
            guard entry.term >= last.term, entry.term <= term, entry.term > 0 else {
                return .entryTerm
            }
            if let offence = entry.offence { return offence }
            last = LogPosition(index: entry.index, term: entry.term)
        }
        return nil
    }
}

extension LogEntry {
    fileprivate var offence: Reception.Offence? {
        guard payload.count <= Options.payloadByteCountMax else { return .oversizedEntry }
        switch kind {
        case .noOperation:
            return payload.isEmpty ? nil : .emptyEntry
        case .command:
            return payload.isEmpty ? .emptyEntry : nil
        case .configuration:
            return (try? Configuration(encoded: payload)) == nil ? .forgedConfiguration : nil
        }
    }
}
