import Primitives
import Raft

// MARK: - Written down

extension ModelMember {
    /// Everything that decides what the member may do later. Left out: chance and deadlines, as
    /// time stands still; names of lives and writes; what follows from the rest.
    func write(to writer: inout ModelWriter) {
        writer.write(instance.member)
        write(instance.role, to: &writer)
        writer.write(instance.hardState)
        writer.write(
            instance.commitIndex << 48 | instance.appliedIndex << 32
                | instance.stableIndex << 16 | instance.deliveredCommit)
        writer.write(log)
        writer.write(instance.endedTerm)
        writer.write(optional: instance.release?.ledTerm)
        writer.write(set: instance.release?.members ?? [])
        let writing = instance.writing
        precondition(writing.inFlight.map(\.token) == writes.compactMap(\.token))
        for write in writing.inFlight {
            writer.write(optional: write.lastIndex)
            writer.write(write.generation == writing.generation)
        }
        let first = writing.nextToken - UInt64(writing.inFlight.count)
        // They leave in order, so that one waits for those before it too.
        var last: UInt64 = 0
        writer.write(
            unordered: writing.held.map { held in
                var part = ModelWriter(writer.renaming)
                last = max(last, held.token)
                part.write(last - first)
                part.write(held.message)
                return part.words
            })
        writer.write(hardState)
        writer.write(past)
        writer.write(entries)
        writer.write(optional: damagedFrom)
        writer.write(UInt64(writes.count))
        for write in writes { self.write(write, to: &writer) }
        writer.write(instance.firstIndex)
        write(instance.intake, to: &writer)
        writer.write(UInt64(instance.forwardedReads.count))
        for id in instance.forwardedReads { writer.write(id) }
        var given: UInt64 = 0
        var received: UInt64 = 0
        for peer in (1...UInt64(ModelBounds.memberCount)).map(MemberID.init) {
            if support.given(to: peer) != nil { given |= 1 << writer.name(peer) }
            if support.received(from: peer) != nil { received |= 1 << writer.name(peer) }
        }
        writer.write(given << 32 | received)
        writer.write(UInt64(ticks))
    }

    private func write(_ write: Write, to writer: inout ModelWriter) {
        switch write {
        case .log(_, let hardState, let entries):
            writer.write(UInt64(1))
            writer.write(hardState)
            writer.write(entries)
        case .checkpoint(let state, _):
            writer.write(UInt64(2))
            writer.write(UInt64(state.count))
        case .install(let descriptor, _):
            writer.write(UInt64(3))
            writer.write(descriptor)
        }
    }

    private func write(_ intake: Intake, to writer: inout ModelWriter) {
        switch intake {
        case .none: writer.write(UInt64(1))
        case .receiving(let descriptor, let leader, let storedByteCount, let isStoring):
            writer.write(UInt64(2))
            writer.write(descriptor)
            writer.write(leader)
            writer.write(storedByteCount)
            // Parts are stored at once.
            precondition(!isStoring && storedByteCount == UInt64(received.count))
        case .installing(let descriptor, let leader):
            writer.write(UInt64(3))
            writer.write(descriptor)
            writer.write(leader)
        }
    }

    private func write(_ role: Role, to writer: inout ModelWriter) {
        switch role {
        case .follower(let follower):
            writer.write(UInt64(1))
            writer.write(follower.leader)
            writer.write(follower.heardAt != nil)
        case .preCandidate(let poll), .candidate(let poll):
            if case .candidate = role { writer.write(UInt64(2)) } else { writer.write(UInt64(3)) }
            writer.write(set: poll.granted)
            writer.write(set: poll.refused)
            let first = instance.writing.nextToken - UInt64(instance.writing.inFlight.count)
            writer.write(optional: poll.ownVoteToken.map { $0 >= first ? $0 - first : 99 })
        case .leader(let leader): write(leader, to: &writer)
        case .stopped: writer.write(UInt64(5))
        }
    }

    private func write(_ leader: Leader, to writer: inout ModelWriter) {
        writer.write(UInt64(4))
        switch leader.phase {
        case .opening: writer.write(UInt64(1))
        case .serving: writer.write(UInt64(2))
        case .draining: writer.write(UInt64(3))
        case .transferring(let target, _, let isAsked):
            writer.write(isAsked ? UInt64(4) : 5)
            writer.write(target)
        }
        writer.write(leader.noOperationIndex)
        writer.write(leader.round)
        writer.write(leader.isLeaseForfeited)
        writer.write(leader.heartbeatAt != nil)
        writer.write(leader.quorumCheckAt != nil)
        writer.write(
            unordered: leader.progress.map { peer in
                var part = ModelWriter(writer.renaming)
                part.write(peer.member)
                switch peer.state {
                case .probe(let isWaiting): part.write(isWaiting ? UInt64(1) : 2)
                case .replicate: part.write(UInt64(3))
                case .snapshot(let transfer): write(transfer, to: &part)
                }
                part.write(
                    peer.match << 48 | peer.next << 32 | peer.toldCommit << 16
                        | peer.knownCommit)
                part.write(optional: peer.promise)
                part.write(peer.round)
                part.write(peer.heardAt != nil)
                part.write(peer.isOverdue)
                return part.words
            })
        writer.write(UInt64(leader.reads.count))
        for read in leader.reads {
            switch read.reader {
            case .own(let id): writer.write(id)
            case .member(let reader, let context):
                writer.write(reader)
                writer.write(context.number)
            }
            writer.write(read.index << 16 | read.round)
        }
    }

    private func write(_ transfer: Progress.SnapshotTransfer, to part: inout ModelWriter) {
        switch transfer {
        case .awaited: part.write(UInt64(4))
        case .offered(let descriptor):
            part.write(UInt64(5))
            part.write(descriptor)
        case .reading(let descriptor, let offset):
            part.write(UInt64(6))
            part.write(descriptor)
            part.write(offset)
        case .sent(let descriptor, let storedByteCount):
            part.write(UInt64(7))
            part.write(descriptor)
            part.write(storedByteCount)
        }
    }
}
