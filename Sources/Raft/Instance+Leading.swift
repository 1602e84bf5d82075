public import Primitives

// What a leader does with its log.

extension Instance {
    /// Why a proposal was not taken. Nothing of it is in the log.
    public enum ProposalRefusal: Error, Hashable, Sendable {
        /// This member does not lead, or not yet, or not any more.
        case notServing
        /// The decision was made in another term.
        case staleTerm(current: Term)
        /// More bytes are proposed and not committed than the bound allows.
        case tooMuchUncommitted
        /// The leadership is being handed over.
        case isTransferring
        /// A payload is empty, or larger than an entry may be.
        case payloadSize
    }

    /// The leader's state, moved out while it is changed so that its lists are not copied.
    var leader: Leader {
        _read {
            guard case .leader(let leader) = role else {
                preconditionFailure("\(group) \(member) does not lead")
            }
            yield leader
        }
        _modify {
            var taken = Role.stopped
            swap(&taken, &role)
            guard case .leader(var leader) = consume taken else {
                preconditionFailure("\(group) \(member) does not lead")
            }
            defer { role = .leader(leader) }
            yield &leader
        }
    }

    /// The place of a member in the leader's table.
    func place(of peer: MemberID) -> Int? {
        guard case .leader(let leader) = role else { return nil }
        return leader.progress.firstIndex { $0.member == peer }
    }

    // MARK: Becoming the leader, and ceasing to be

    mutating func becomeLeader(_ moment: Moment, _ directives: inout [Directive]) {
        release = nil
        recoveringPeers = []
        if case .receiving(let descriptor, _, _, _) = intake {
            directives.append(.discardSnapshot(id: descriptor.id))
            intake = .none
        }
        role = .leader(
            Leader(
                noOperationIndex: log.lastIndex + 1,
                progress: configuration.members.filter { $0 != member }.map {
                    Progress(member: $0, next: log.lastIndex + 1)
                },
                uncommittedByteCount: log.byteCount(
                    from: max(commitIndex + 1, log.firstIndex), through: log.lastIndex),
                heartbeatAt: moment.now + options.heartbeatInterval,
                quorumCheckAt: moment.now + options.electionTimeout))
        announce(leader: member, &directives)
        append([(.noOperation, [])])
        replicate(moment, &directives)
        for peer in leader.progress { heartbeat(peer, &directives) }
    }

    /// What a leader leaves behind; the caller gives it its next role.
    mutating func stopLeading(
        _ leader: Leader, _ moment: Moment, _ directives: inout [Directive]
    ) {
        for read in leader.reads { fail(read, &directives) }
        switch leader.phase {
        case .serving, .transferring:
            directives.append(.endServing(term: announcedTerm))
        case .opening, .draining:
            break
        }
        let bound = leader.progress.map(\.member)
        guard !bound.isEmpty else { return }
        release = Release(
            ledTerm: announcedTerm, members: bound, repeatAt: moment.now,
            interval: options.heartbeatInterval)
        repeatRelease(moment, &directives)
    }

    /// Repeats what a former leader owes, ever more slowly.
    mutating func repeatRelease(_ moment: Moment, _ directives: inout [Directive]) {
        guard var owed = release, moment.now >= owed.repeatAt else { return }
        // Whoever is no member any more helps nobody to the leadership, and may never answer.
        if configuration.contains(member) {
            owed.members.removeAll { !configuration.contains($0) }
        }
        guard !owed.members.isEmpty else {
            release = nil
            return
        }
        for peer in owed.members {
            post(.release(ledTerm: owed.ledTerm), to: peer, &directives)
        }
        owed.repeatAt = moment.now + owed.interval
        owed.interval = min(owed.interval * 2, options.electionTimeout * 10)
        release = owed
    }

    // MARK: Appending

    /// Whether payloads of these sizes, decided in `expectedTerm`, would be appended now.
    public func checkProposal(
        byteCounts: some Sequence<Int>, expectedTerm: Term
    ) throws(ProposalRefusal) {
        guard case .leader(let leader) = role else { throw .notServing }
        switch leader.phase {
        case .opening, .draining: throw .notServing
        case .transferring: throw .isTransferring
        case .serving: break
        }
        guard expectedTerm == hardState.term else { throw .staleTerm(current: hardState.term) }
        var byteCount = 0
        for count in byteCounts {
            guard count > 0, count <= Options.payloadByteCountMax else { throw .payloadSize }
            byteCount += count
        }
        guard leader.uncommittedByteCount + byteCount <= options.uncommittedByteCountMax else {
            throw .tooMuchUncommitted
        }
    }

    /// Where the next entry would go.
    public var nextIndex: LogIndex { log.lastIndex + 1 }

    /// Appends payloads decided in `expectedTerm`; returns the index of the first.
    ///
    /// - Parameter keyID: what they are sealed under; 0 where they are in clear.
    public mutating func propose(
        _ payloads: [[UInt8]], keyID: UInt32 = 0, expectedTerm: Term, _ moment: Moment,
        _ directives: inout [Directive]
    ) throws(ProposalRefusal) -> LogIndex {
        try checkProposal(byteCounts: payloads.lazy.map(\.count), expectedTerm: expectedTerm)
        let first = log.lastIndex + 1
        append(payloads.lazy.map { (.command, $0) }, keyID: keyID)
        replicate(moment, &directives)
        settle(&directives)
        return first
    }

    mutating func append(
        _ payloads: some Sequence<(LogEntry.Kind, [UInt8])>, keyID: UInt32 = 0
    ) {
        let first = log.lastIndex + 1
        var byteCount = 0
        for (kind, payload) in payloads {
            byteCount += payload.count
            log.append(
                LogEntry(
                    index: log.lastIndex + 1, term: hardState.term, kind: kind, keyID: keyID,
                    payload: payload))
        }
        leader.uncommittedByteCount += byteCount
        if log.lastIndex >= first { markUnwritten(from: first) }
    }

    // MARK: Replicating

    /// Sends everybody what is new to them: entries, or the commit index.
    mutating func replicate(_ moment: Moment, _ directives: inout [Directive]) {
        // The table is changed on the way, and must not be held meanwhile: it would be copied.
        for place in 0..<progressCount {
            sendAppends(toPlace: place, mustSend: false, moment, &directives)
        }
        guard case .leader(let leader) = role else { return }
        if leader.heartbeatAt == nil || leader.quorumCheckAt == nil { armTimers(moment) }
    }

    private var progressCount: Int {
        guard case .leader(let leader) = role else { return 0 }
        return leader.progress.count
    }

    /// What of a member decides whether and what it is sent.
    private struct Sending {
        let member: MemberID
        let next: LogIndex
        /// It has not been told what is committed by now, and nothing is on its way after whose
        /// answer it will be: while entries flow, they tell it.
        let awaitsCommit: Bool
        /// Nil when it is sent nothing now.
        let countMax: Int?
    }

    private func sending(toPlace place: Int, mustSend: Bool) -> Sending {
        guard case .leader(let leader) = role else {
            preconditionFailure("\(group) \(member) does not lead")
        }
        let peer = leader.progress[place]
        let countMax: Int? =
            switch peer.state {
            case .snapshot, .probe(isWaiting: true): nil
            // All that is in flight may be lost: an empty append finds that out.
            case .replicate where peer.inflight.isFull(options): mustSend ? 0 : nil
            case .probe(isWaiting: false), .replicate: options.appendCountMax
            }
        return Sending(
            member: peer.member, next: peer.next,
            awaitsCommit: peer.toldCommit < commitIndex && peer.inflight.count == 0,
            countMax: countMax)
    }

    /// Sends one member what it may have: one append while probing, as many as the window has room
    /// for while replicating.
    mutating func sendAppends(
        toPlace place: Int, mustSend: Bool, _ moment: Moment, _ directives: inout [Directive]
    ) {
        var mustSend = mustSend
        while true {
            let peer = sending(toPlace: place, mustSend: mustSend)
            guard let countMax = peer.countMax else { return }
            guard let previousTerm = log.term(at: peer.next - 1) else {
                leader.progress[place].state = .snapshot(.awaited)
                directives.append(.prepareSnapshot(for: peer.member))
                return
            }
            let entries = log.entries(
                from: peer.next, countMax: countMax, byteCountMax: options.appendByteCountMax)
            guard !entries.isEmpty || mustSend || peer.awaitsCommit else { return }
            let append = Message.Append(
                previous: LogPosition(index: peer.next - 1, term: previousTerm),
                entries: entries, commitIndex: commitIndex)
            directives.append(.send(message(to: peer.member, .append(append))))
            leader.progress[place].noteSent(entries, toldCommit: commitIndex)
            mustSend = false
            if entries.isEmpty { return }
        }
    }

    mutating func onAppendReply(
        _ reply: Message.AppendReply, from peer: MemberID, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        guard case .leader = role else { return .ignored(.notLeader) }
        guard let place = place(of: peer) else { return .ignored(.unknownMember) }
        switch reply.outcome {
        case .stored(let index):
            guard index <= log.lastIndex else { return .refused(.neverSent) }
            note(heardFrom: place, knownCommit: reply.commitIndex, moment)
            onStored(through: index, place, moment, &directives)
            return .taken
        case .mismatch(let previous, let hint):
            note(heardFrom: place, knownCommit: reply.commitIndex, moment)
            return onMismatch(previous, hint, place, moment, &directives)
        }
    }

    private mutating func onStored(
        through index: LogIndex, _ place: Int, _ moment: Moment, _ directives: inout [Directive]
    ) {
        let peer = leader.progress[place].member
        let isNews = leader.progress[place].takeStored(through: index, logBase: log.base.index)
        noteRecovered(peer, through: index)
        if isNews { advanceCommit(moment, &directives) }
        // A commit may have changed the members, and taken the leadership.
        guard let place = self.place(of: peer) else { return }
        leader.progress[place].isOverdue = false
        sendAppends(toPlace: place, mustSend: false, moment, &directives)
        continueTransfer(place, &directives)
        armTimers(moment)
        considerPreference(moment, &directives)
    }

    private mutating func onMismatch(
        _ previous: LogIndex, _ hint: LogPosition, _ place: Int, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        leader.progress[place].isOverdue = false
        let peer = leader.progress[place]
        switch peer.state {
        case .snapshot:
            return .ignored(.staleAnswer)
        case .replicate:
            guard previous > peer.match else { return .ignored(.staleAnswer) }
        case .probe:
            // At or before what it has acknowledged: an answer from before that has come late. A
            // disk that has lost what it acknowledged says the same, and gets no further.
            guard previous == peer.next - 1, previous > peer.match else {
                return .ignored(.staleAnswer)
            }
        }
        // Where the two logs may agree, by what both know of their terms: skips whole terms.
        let bound = min(hint.index, previous)
        let agreed = log.lastIndex(upTo: bound, withTermAtMost: hint.term)
        leader.progress[place].probe(from: min(agreed.index + 1, previous))
        sendAppends(toPlace: place, mustSend: true, moment, &directives)
        return .taken
    }

    mutating func note(heardFrom place: Int, knownCommit: LogIndex, _ moment: Moment) {
        // A member that has started again knows less than it did.
        leader.progress[place].heard(at: moment.now, knownCommit: min(knownCommit, commitIndex))
    }

    // MARK: Committing

    /// The index that a quorum of disks holds becomes the commit index, if it is of this term:
    /// an older entry that many hold may still be replaced (the paper's figure 8).
    mutating func advanceCommit(_ moment: Moment, _ directives: inout [Directive]) {
        let leader = leader
        let index = configuration.quorumValue { voter -> LogIndex in
            if voter == member { return stableIndex }
            return leader.progress.first { $0.member == voter }?.match ?? 0
        }
        guard index > commitIndex, log.term(at: index) == hardState.term else { return }
        let byteCount = log.byteCount(from: commitIndex + 1, through: index)
        commitIndex = index
        self.leader.uncommittedByteCount -= byteCount
        deliverCommit(&directives)
        replicate(moment, &directives)
        confirmReads(&directives)
        leaveJointIfCommitted(moment, &directives)
        leaveIfRemoved(moment, &directives)
    }
}
