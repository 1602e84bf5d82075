public import Primitives

// What is written, and what waits for it.
//
// An event changes the state in memory; `settle`, at its end, makes one write of all that has to be
// durable. Answers that claim something wait for the write that makes it true (`post`,
// `acknowledge`); a leader's appends do not, so that its followers' disks work beside its own.

/// Writes on their way to the disk, and the messages that wait for them.
package struct Writing: Hashable, Sendable {
    /// A write that was handed to the shell.
    package struct Write: Hashable, Sendable {
        package let token: UInt64
        /// Entries through here; nil when it holds none.
        package let lastIndex: LogIndex?
        /// How often the log had been truncated.
        package let generation: UInt64
    }

    package struct Held: Hashable, Sendable {
        package let token: UInt64
        package let message: Message
    }

    /// The token of the next write.
    package internal(set) var nextToken: UInt64 = 1
    /// In order.
    package internal(set) var inFlight: [Write] = []
    package internal(set) var held: [Held] = []
    package internal(set) var generation: UInt64 = 0
    package internal(set) var isHardStateDirty = false
    /// The last write with a hard state that is in flight.
    package internal(set) var hardStateToken: UInt64?
    /// Entries from here on are in no write yet.
    package internal(set) var unwrittenFrom: LogIndex?

    /// Answers that wait for the disk. Beyond it they are lost, as on the way: each is asked for
    /// again. A leader has no more appends in flight.
    static let heldCountMax = 1024
}

extension Instance {
    /// A write is on disk, and with it every earlier write of the group.
    public mutating func onPersisted(
        token: UInt64, _ moment: Moment, _ directives: inout [Directive]
    ) {
        guard let write = writing.inFlight.first, write.token == token else {
            preconditionFailure("\(group) stored write \(token) out of order")
        }
        writing.inFlight.removeFirst()
        if writing.hardStateToken == token { writing.hardStateToken = nil }
        if case .stopped = role { return }
        // The entries of a write that a truncation has overtaken may not be on disk any more: the
        // write of their replacement is under way. It will say what is there.
        if let last = write.lastIndex, write.generation == writing.generation {
            stableIndex = max(stableIndex, last)
        }
        speak(upTo: token, &directives)
        switch role {
        case .candidate(var poll) where poll.ownVoteToken == token:
            poll.ownVoteToken = nil
            poll.granted.append(member)
            role = .candidate(poll)
            countVotes(moment, &directives)
        case .leader:
            advanceCommit(moment, &directives)
        case .follower, .preCandidate, .candidate, .stopped:
            break
        }
        deliverCommit(&directives)
        settle(&directives)
    }

    /// Sends what waited for the write, as far as it is still true.
    private mutating func speak(upTo token: UInt64, _ directives: inout [Directive]) {
        // Not in order of their tokens: an acknowledgement may wait for the newest write, and an
        // answer behind it for an older one.
        guard writing.held.contains(where: { $0.token <= token }) else { return }
        for held in writing.held where held.token <= token {
            guard held.message.term == hardState.term else { continue }
            directives.append(.send(held.message))
        }
        writing.held.removeAll { $0.token <= token }
    }

    /// Changes term, vote or promise.
    mutating func updateHardState(_ change: (inout HardState) -> Void) {
        var changed = hardState
        change(&changed)
        guard changed != hardState else { return }
        hardState = changed
        writing.isHardStateDirty = true
    }

    mutating func markUnwritten(from index: LogIndex) {
        writing.unwrittenFrom = min(writing.unwrittenFrom ?? index, index)
    }

    /// Makes one write of what the event has changed.
    mutating func settle(_ directives: inout [Directive]) {
        guard writing.isHardStateDirty || writing.unwrittenFrom != nil else { return }
        let entries = writing.unwrittenFrom.map { log.entries(from: $0) } ?? []
        let token = writing.nextToken
        writing.nextToken += 1
        writing.inFlight.append(
            Writing.Write(
                token: token, lastIndex: entries.last?.index, generation: writing.generation))
        if writing.isHardStateDirty { writing.hardStateToken = token }
        directives.append(
            .persist(
                token: token, hardState: writing.isHardStateDirty ? hardState : nil,
                entries: entries))
        writing.isHardStateDirty = false
        writing.unwrittenFrom = nil
    }

    // MARK: Speaking

    func message(to receiver: MemberID, term: Term? = nil, _ body: Message.Body) -> Message {
        Message(
            cluster: cluster, group: group, from: member, to: receiver,
            term: term ?? hardState.term, body: body)
    }

    /// Sends a message once the term that it speaks for, and the vote and promise of it, are on
    /// disk.
    mutating func post(
        _ body: Message.Body, to receiver: MemberID, _ directives: inout [Directive]
    ) {
        let message = message(to: receiver, body)
        if writing.isHardStateDirty {
            hold(message, until: writing.nextToken)
        } else if let token = writing.hardStateToken {
            hold(message, until: token)
        } else {
            directives.append(.send(message))
        }
    }

    /// Tells the leader that its log through `index` is on this disk, once it is.
    mutating func acknowledge(
        through index: LogIndex, to leader: MemberID, _ directives: inout [Directive]
    ) {
        let body = Message.Body.appendReply(
            Message.AppendReply(outcome: .stored(through: index), commitIndex: commitIndex))
        guard index > stableIndex else { return post(body, to: leader, &directives) }
        let isUnwritten = writing.unwrittenFrom != nil || writing.isHardStateDirty
        hold(
            message(to: leader, body),
            until: isUnwritten ? writing.nextToken : writing.nextToken - 1)
    }

    private mutating func hold(_ message: Message, until token: UInt64) {
        guard writing.held.count < Writing.heldCountMax else { return }
        writing.held.append(Writing.Held(token: token, message: message))
    }

    // MARK: Committing

    /// Says what is committed, once it is on this disk too: the applied state must not be ahead of
    /// the log that it is rebuilt from.
    mutating func deliverCommit(_ directives: inout [Directive]) {
        let through = min(commitIndex, stableIndex)
        guard through > deliveredCommit else { return }
        deliveredCommit = through
        directives.append(.commit(through: through))
    }

    /// Entries through `index` are applied.
    public mutating func onApplied(
        through index: LogIndex, _ moment: Moment, _ directives: inout [Directive]
    ) {
        precondition(
            index <= deliveredCommit, "\(group) applied \(index) beyond its commit \(commitIndex)")
        appliedIndex = max(appliedIndex, index)
        if case .leader(var leader) = role, case .opening = leader.phase,
            appliedIndex >= leader.noOperationIndex
        {
            leader.phase = .serving
            role = .leader(leader)
            directives.append(.beginServing(term: hardState.term))
            leaveJointIfCommitted(moment, &directives)
        }
        settle(&directives)
    }
}
