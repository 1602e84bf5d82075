import Primitives

// Reads that see everything that was committed before they were asked for (thesis, 6.4).
//
//   asked ── lease holds ─────────────────────────────────────▶ ready
//     └───── no lease ──▶ waits for a round of heartbeats that began after it
//                              ├── a quorum answers the round ▶ ready
//                              └── leads no more ─────────────▶ failed
//
// One round is on its way at a time; what is asked for meanwhile shares the next one. A follower
// asks its leader for the index and then reads from its own state.

extension Instance {
    /// Reads that wait, of all members together: beyond it they fail, and the shell asks later.
    static let readCountMax = 4096

    /// Asks for an index at which a read is current; `readReady` or `readFailed` with `id` follows,
    /// or, when a message is lost, nothing: the shell has a deadline.
    public mutating func read(
        id: UInt64, _ moment: Moment, _ directives: inout [Directive]
    ) {
        switch role {
        case .leader:
            read(.own(id: id), moment, &directives)
        case .follower(let follower):
            guard let leader = follower.leader, !isRecovering,
                forwardedReads.count < Self.readCountMax
            else {
                directives.append(.readFailed(id: id))
                break
            }
            forwardedReads.append(id)
            let context = Message.ReadContext(life: life, number: id)
            post(.readIndex(context), to: leader, &directives)
        case .preCandidate, .candidate, .stopped:
            directives.append(.readFailed(id: id))
        }
        settle(&directives)
    }

    /// The shell does not wait for the read any more.
    public mutating func forgetRead(id: UInt64) {
        forwardedReads.removeAll { $0 == id }
    }

    private mutating func read(
        _ reader: PendingRead.Reader, _ moment: Moment, _ directives: inout [Directive]
    ) {
        let pending = PendingRead(reader: reader, index: commitIndex, round: leader.round + 1)
        // What earlier terms have committed is known once this term has committed something.
        guard servingTerm != nil, leader.reads.count < Self.readCountMax else {
            return fail(pending, &directives)
        }
        let isOnlyVoter = configuration.hasQuorum { $0 == member }
        if isOnlyVoter || leaseExpiry(moment) != nil {
            return complete(pending, &directives)
        }
        let isIdle = leader.reads.isEmpty
        leader.reads.append(pending)
        if isIdle { beginRound(moment, &directives) }
    }

    private mutating func beginRound(_ moment: Moment?, _ directives: inout [Directive]) {
        leader.round += 1
        for peer in leader.progress { heartbeat(peer, &directives) }
        if let moment { armTimers(moment) }
    }

    /// Completes the reads whose round a quorum has answered, and begins the next round for those
    /// that came meanwhile.
    mutating func confirmReads(_ directives: inout [Directive]) {
        let current = leader
        guard !current.reads.isEmpty else { return }
        let confirmed = configuration.quorumValue { voter -> UInt64 in
            if voter == member { return .max }
            return current.progress.first { $0.member == voter }?.round ?? 0
        }
        guard confirmed >= current.round else { return }
        leader.reads.removeAll { $0.round <= confirmed }
        for read in current.reads where read.round <= confirmed { complete(read, &directives) }
        if !leader.reads.isEmpty { beginRound(nil, &directives) }
    }

    private mutating func complete(_ read: PendingRead, _ directives: inout [Directive]) {
        switch read.reader {
        case .own(let id):
            directives.append(.readReady(id: id, index: read.index))
        case .member(let reader, let context):
            post(.readIndexReply(context, index: read.index), to: reader, &directives)
        }
    }

    mutating func fail(_ read: PendingRead, _ directives: inout [Directive]) {
        switch read.reader {
        case .own(let id):
            directives.append(.readFailed(id: id))
        case .member(let reader, let context):
            post(.readIndexReply(context, index: nil), to: reader, &directives)
        }
    }

    mutating func onReadIndex(
        _ context: Message.ReadContext, from reader: MemberID, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        guard case .leader = role else {
            post(.readIndexReply(context, index: nil), to: reader, &directives)
            return .ignored(.notLeader)
        }
        read(.member(reader, context), moment, &directives)
        return .taken
    }

    mutating func onReadIndexReply(
        _ context: Message.ReadContext, _ index: LogIndex?, _ directives: inout [Directive]
    ) -> Reception {
        guard context.life == life,
            let place = forwardedReads.firstIndex(of: context.number)
        else { return .ignored(.staleAnswer) }
        forwardedReads.remove(at: place)
        if let index {
            directives.append(.readReady(id: context.number, index: index))
        } else {
            directives.append(.readFailed(id: context.number))
        }
        return .taken
    }
}
