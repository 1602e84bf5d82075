public import Primitives

// Snapshots, for members that need what the log does not have any more.
//
// Leader: prepareSnapshot ─▶ onSnapshotPrepared ─ offer ─▶ (how much do you have?) ─▶ readSnapshot
// ─▶ onSnapshotRead ─ chunk ─▶ … until everything is stored. One chunk is on its way at a time; a
// lost one is asked for by repeating the offer, so a transfer goes on where it stopped, also after
// a new connection.
//
//   intake      event                         to          function
//   ----------  ----------------------------  ----------  -------------------
//   none        offer of something newer      receiving   onSnapshotOffer
//   receiving   offer of the same             receiving   onSnapshotOffer
//   receiving   offer of another, as new      receiving   onSnapshotOffer
//   receiving   chunk in order                receiving   onSnapshotChunk
//   receiving   the last chunk is stored      installing  onSnapshotStored
//   receiving   the log has caught up         none        onSnapshotOffer
//   installing  installed: log begins behind  none        onSnapshotInstalled
//   installing  rejected (checksum)           none        onSnapshotRejected

extension Instance {
    /// The shell has a snapshot for `peer`, at or behind the start of the log.
    public mutating func onSnapshotPrepared(
        _ descriptor: SnapshotDescriptor, for peer: MemberID, _ directives: inout [Directive]
    ) {
        guard let place = place(of: peer),
            case .snapshot(.awaited) = leader.progress[place].state
        else { return }
        precondition(
            descriptor.position.index <= commitIndex,
            "\(group): a snapshot at \(descriptor.position) beyond the commit \(commitIndex)")
        // The log was compacted meanwhile, and does not go on where the snapshot ends.
        guard descriptor.position.index >= log.base.index else {
            directives.append(.prepareSnapshot(for: peer))
            return
        }
        leader.progress[place].state = .snapshot(.offered(descriptor))
        directives.append(.send(message(to: peer, .snapshotOffer(descriptor))))
    }

    /// The shell has no snapshot now, or not any more; it is asked again with the next heartbeat.
    public mutating func onSnapshotUnavailable(for peer: MemberID) {
        guard let place = place(of: peer), case .snapshot = leader.progress[place].state else {
            return
        }
        leader.progress[place].state = .probe(isWaiting: false)
    }

    /// A part of a snapshot was read.
    public mutating func onSnapshotRead(
        for peer: MemberID, id: UInt64, offset: UInt64, bytes: [UInt8],
        _ directives: inout [Directive]
    ) {
        guard let place = place(of: peer),
            case .snapshot(.reading(let descriptor, let wanted)) = leader.progress[place].state,
            descriptor.id == id, wanted == offset
        else { return }
        leader.progress[place].state = .snapshot(.sent(descriptor, storedByteCount: offset))
        let chunk = Message.SnapshotChunk(id: id, offset: offset, bytes: bytes)
        directives.append(.send(message(to: peer, .snapshotChunk(chunk))))
    }

    /// Nothing was heard of the transfer since the last heartbeat: asks how far the member is.
    mutating func repeatSnapshot(toPlace place: Int, _ directives: inout [Directive]) {
        let peer = leader.progress[place]
        guard case .snapshot(let transfer) = peer.state else { return }
        switch transfer {
        case .awaited, .reading:
            return
        case .offered(let descriptor), .sent(let descriptor, _):
            leader.progress[place].state = .snapshot(.offered(descriptor))
            directives.append(.send(message(to: peer.member, .snapshotOffer(descriptor))))
        }
    }

    mutating func onSnapshotReply(
        id: UInt64, storedByteCount: UInt64, from peer: MemberID, _ moment: Moment,
        _ directives: inout [Directive]
    ) -> Reception {
        guard case .leader = role else { return .ignored(.notLeader) }
        guard let place = place(of: peer) else { return .ignored(.unknownMember) }
        guard case .snapshot(let transfer) = leader.progress[place].state,
            let descriptor = transfer.descriptor, descriptor.id == id
        else { return .ignored(.staleSnapshot) }
        guard storedByteCount <= descriptor.byteCount else { return .refused(.oversizedSnapshot) }
        note(heardFrom: place, knownCommit: 0, moment)
        switch transfer {
        case .awaited, .reading:
            return .ignored(.staleSnapshot)
        case .sent(_, let before) where storedByteCount <= before && before > 0:
            // A late answer; the repeated offer finds out what is true.
            return .ignored(.staleSnapshot)
        case .offered, .sent:
            break
        }
        // Everything is stored: the answer to come is that it is installed.
        guard storedByteCount < descriptor.byteCount else { return .taken }
        leader.progress[place].state = .snapshot(.reading(descriptor, offset: storedByteCount))
        let rest = descriptor.byteCount - storedByteCount
        directives.append(
            .readSnapshot(
                for: peer, id: id, offset: storedByteCount,
                byteCount: Int(min(rest, UInt64(options.snapshotChunkByteCount)))))
        return .taken
    }

    // MARK: Receiving

    mutating func onSnapshotOffer(
        _ descriptor: SnapshotDescriptor, from leader: MemberID, _ directives: inout [Directive]
    ) -> Reception {
        if case .installing = intake { return .ignored(.isInstalling) }
        guard descriptor.position.index > commitIndex else {
            acknowledge(through: commitIndex, to: leader, &directives)
            return .ignored(.staleSnapshot)
        }
        // The log has it all: nothing has to be received.
        if log.term(at: descriptor.position.index) == descriptor.position.term {
            dropIntake(&directives)
            commitIndex = descriptor.position.index
            noteAgreement(through: descriptor.position)
            acknowledge(through: commitIndex, to: leader, &directives)
            return .taken
        }
        if case .receiving(let current, let source, let stored, let isStoring) = intake {
            if current == descriptor {
                intake = .receiving(
                    current, from: leader, storedByteCount: stored, isStoring: isStoring)
                if !isStoring { replyStored(descriptor, stored, to: leader, &directives) }
                return .taken
            }
            // A late offer; from another leader an older one counts as well, as the newer one's
            // rest will not come any more.
            guard leader != source || descriptor.position.index >= current.position.index else {
                return .ignored(.staleSnapshot)
            }
            dropIntake(&directives)
        }
        intake = .receiving(descriptor, from: leader, storedByteCount: 0, isStoring: false)
        guard descriptor.byteCount > 0 else {
            install(descriptor, from: leader, &directives)
            return .taken
        }
        replyStored(descriptor, 0, to: leader, &directives)
        return .taken
    }

    private mutating func dropIntake(_ directives: inout [Directive]) {
        guard case .receiving(let descriptor, _, _, _) = intake else { return }
        directives.append(.discardSnapshot(id: descriptor.id))
        intake = .none
    }

    private mutating func replyStored(
        _ descriptor: SnapshotDescriptor, _ stored: UInt64, to leader: MemberID,
        _ directives: inout [Directive]
    ) {
        post(
            .snapshotReply(id: descriptor.id, storedByteCount: stored), to: leader, &directives)
    }

    mutating func onSnapshotChunk(
        _ chunk: Message.SnapshotChunk, from leader: MemberID, _ directives: inout [Directive]
    ) -> Reception {
        guard case .receiving(let descriptor, _, let stored, let isStoring) = intake,
            descriptor.id == chunk.id
        else { return .ignored(.staleSnapshot) }
        guard UInt64(chunk.bytes.count) <= descriptor.byteCount,
            chunk.offset <= descriptor.byteCount - UInt64(chunk.bytes.count)
        else { return .refused(.oversizedSnapshot) }
        guard !isStoring, chunk.offset == stored else { return .ignored(.snapshotIsBehind) }
        intake = .receiving(descriptor, from: leader, storedByteCount: stored, isStoring: true)
        directives.append(
            .storeSnapshot(id: chunk.id, offset: chunk.offset, bytes: chunk.bytes))
        return .taken
    }

    /// A part of a snapshot is stored.
    public mutating func onSnapshotStored(
        id: UInt64, byteCount: UInt64, _ directives: inout [Directive]
    ) {
        guard case .receiving(let descriptor, let leader, let stored, isStoring: true) = intake,
            descriptor.id == id
        else { return }
        // Who stands for election does not take over another's log.
        guard case .follower = role else { return dropIntake(&directives) }
        let total = stored + byteCount
        intake = .receiving(
            descriptor, from: leader, storedByteCount: total, isStoring: false)
        if total == descriptor.byteCount {
            install(descriptor, from: leader, &directives)
        }
        replyStored(descriptor, total, to: leader, &directives)
        settle(&directives)
    }

    private mutating func install(
        _ descriptor: SnapshotDescriptor, from leader: MemberID, _ directives: inout [Directive]
    ) {
        // Appends may have brought the log as far meanwhile. Its end, which this disk has
        // acknowledged, must not be given up for a snapshot.
        let position = descriptor.position
        guard position.index > commitIndex, log.term(at: position.index) != position.term else {
            return dropIntake(&directives)
        }
        intake = .installing(descriptor, from: leader)
        directives.append(.installSnapshot(descriptor))
    }

    /// The snapshot is the state and the start of the log, on disk.
    public mutating func onSnapshotInstalled(
        id: UInt64, _ moment: Moment, _ directives: inout [Directive]
    ) {
        guard case .installing(let descriptor, let leader) = intake, descriptor.id == id else {
            preconditionFailure("\(group) installed snapshot \(id), which was not asked for")
        }
        intake = .none
        let position = descriptor.position
        let before = configurations.latest
        log.reset(to: position)
        configurations.reset(to: descriptor.configuration)
        // Writes that are under way are of a log that is gone.
        writing.generation += 1
        stableIndex = position.index
        commitIndex = position.index
        appliedIndex = position.index
        deliveredCommit = position.index
        noteAgreement(through: position)
        if configurations.latest != before {
            directives.append(.configurationChanged(configurations.latest))
        }
        acknowledge(through: position.index, to: leader, &directives)
        settle(&directives)
    }

    /// The snapshot is not what it was said to be; it is received anew.
    public mutating func onSnapshotRejected(id: UInt64, _ directives: inout [Directive]) {
        guard case .installing(let descriptor, _) = intake, descriptor.id == id else { return }
        intake = .none
        directives.append(.discardSnapshot(id: id))
        settle(&directives)
    }
}
