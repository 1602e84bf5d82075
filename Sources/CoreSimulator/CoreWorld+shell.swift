import Liveness
import Primitives
import Raft

// What the shells of a node do: the disk, applying, snapshots.

extension CoreWorld {
    mutating func perform(_ directive: consuming Directive, _ place: Int, _ group: Int) {
        guard !nodes[place].replicas.isEmpty else { return }
        switch consume directive {
        case .persist(let token, let hardState, let entries):
            nodes[place].writes.append(
                .log(group: group, token: token, hardState: hardState, entries: entries))
            beginWriting(place)
        case .send(let message):
            messageCounts[group][place] += 1
            checks.said(message)
            send(.raft(message), from: message.from, to: message.to)
        case .commit(let index):
            if case .atCommit = nodes[place].doom, nodes[place].replicas[group].instance.isLeader {
                for other in nodes.indices { nodes[other].doom = .none }
                heap.insert(.death(node: place, startCount: nodes[place].startCount), at: time)
            }
            apply(place, group, through: index)
        case .beginServing(let term):
            nodes[place].replicas[group].isServing = true
            checkLeases(place, group, term)
        case .endServing:
            abandon(place, group)
        case .leaderChanged(let leader, let term):
            if leader == nodes[place].id { checks.leads(nodes[place], group, term) }
        case .configurationChanged, .transferAborted:
            break
        case .readReady(let id, let index):
            guard let operation = nodes[place].replicas[group].asked.removeValue(forKey: id)
            else { return }
            nodes[place].replicas[group].reads.append((operation, index))
            answerReads(place, group)
        case .readFailed(let id):
            if let operation = nodes[place].replicas[group].asked.removeValue(forKey: id) {
                giveUp(operation)
            }
        case .prepareSnapshot(let peer): prepareSnapshot(place, group, for: peer)
        case .readSnapshot(let peer, let id, let offset, let byteCount):
            // A newer snapshot, made for another member, has replaced it.
            guard let bytes = nodes[place].replicas[group].made[id] else {
                run(place, group) { instance, _, _ in instance.onSnapshotUnavailable(for: peer) }
                return
            }
            let part = Array(bytes[Int(offset)..<(Int(offset) + byteCount)])
            run(place, group) { instance, _, directives in
                instance.onSnapshotRead(
                    for: peer, id: id, offset: offset, bytes: part, &directives)
            }
        case .storeSnapshot(let id, let offset, let bytes):
            nodes[place].replicas[group].received.removeSubrange(Int(offset)...)
            nodes[place].replicas[group].received += bytes
            run(place, group) { instance, _, directives in
                instance.onSnapshotStored(
                    id: id, byteCount: UInt64(bytes.count), &directives)
            }
        case .discardSnapshot:
            nodes[place].replicas[group].received = []
        case .installSnapshot(let descriptor):
            let bytes = nodes[place].replicas[group].received
            guard CRC32C.checksum(bytes) == descriptor.checksum,
                let machine = RegisterMachine(encoded: bytes)
            else {
                run(place, group) { instance, _, directives in
                    instance.onSnapshotRejected(id: descriptor.id, &directives)
                }
                return
            }
            nodes[place].writes.append(
                .install(group: group, descriptor: descriptor, machine: machine))
            beginWriting(place)
        }
    }

    /// Holds everybody's lease against a member that begins to serve.
    private mutating func checkLeases(_ place: Int, _ group: Int, _ term: Term) {
        for other in nodes.indices where other != place {
            checks.beganServing(
                nodes[place], group, term, other: nodes[other], moment(of: other))
        }
    }

    private mutating func prepareSnapshot(_ place: Int, _ group: Int, for peer: MemberID) {
        let replica = nodes[place].replicas[group]
        let bytes = replica.machine.encoded
        let id = random.next()
        nodes[place].replicas[group].made = [id: bytes]
        let descriptor = SnapshotDescriptor(
            id: id, position: LogPosition(index: replica.appliedIndex, term: replica.appliedTerm),
            configuration: replica.instance.configuration(at: replica.appliedIndex),
            byteCount: UInt64(bytes.count), checksum: CRC32C.checksum(bytes))
        run(place, group) { instance, _, directives in
            instance.onSnapshotPrepared(descriptor, for: peer, &directives)
        }
    }

    // MARK: The disk

    /// Begins a write of all that waits, as one batch, unless one is under way.
    mutating func beginWriting(_ place: Int) {
        guard !nodes[place].isWriting else { return }
        nodes[place].isWriting = true
        let startCount = nodes[place].startCount
        let jitter = Int64(random.next() & 0xFFFF) * parameters.syncNanoseconds >> 16
        let due = time + (parameters.syncNanoseconds + jitter) * nodes[place].diskSlowness
        if isDoomed(place) {
            nodes[place].doom = .none
            let death = Int64.random(in: time...due, using: &random)
            heap.insert(.death(node: place, startCount: startCount), at: death)
        }
        heap.insert(.diskDone(node: place, startCount: startCount), at: due)
    }

    private func isDoomed(_ place: Int) -> Bool {
        switch nodes[place].doom {
        case .none, .atCommit: return false
        case .withinWrite: return true
        case .withinHardState:
            return nodes[place].writes.contains { write in
                if case .log(_, _, .some, _) = write { true } else { false }
            }
        }
    }

    mutating func finishWrites(_ place: Int) {
        nodes[place].isWriting = false
        var batch = spareWrites.popLast() ?? []
        swap(&batch, &nodes[place].writes)
        let livenessWrite = livenessWrites[place]
        livenessWrites[place] = nil
        for write in batch { store(write, place) }
        if let livenessWrite { livenessDisks[place] = livenessWrite.state }
        for write in batch where nodes[place].isUp { written(write, place) }
        batch.removeAll(keepingCapacity: true)
        spareWrites.append(batch)
        if let livenessWrite {
            runLiveness(place) { $0.onPersisted(token: livenessWrite.token, now: $1, &$2) }
        }
        if !nodes[place].writes.isEmpty || livenessWrites[place] != nil { beginWriting(place) }
    }

    /// The write is on the disk.
    mutating func store(_ write: DiskWrite, _ place: Int) {
        switch write {
        case .log(let group, _, let hardState, let entries):
            if let hardState {
                checks.stored(hardState, over: nodes[place].disks[group].hardState)
            }
            nodes[place].disks[group].write(hardState, entries)
        case .checkpoint(let group, let position, let configuration, let machine):
            guard position.index > nodes[place].disks[group].base.index else { return }
            nodes[place].disks[group].checkpoint(position, configuration)
            nodes[place].disks[group].machine = machine
        case .install(let group, let descriptor, let machine):
            nodes[place].disks[group].base = descriptor.position
            nodes[place].disks[group].configuration = descriptor.configuration
            nodes[place].disks[group].entries = []
            nodes[place].disks[group].damagedFrom = nil
            nodes[place].disks[group].machine = machine
        }
    }

    /// The disk has said that the write is there.
    private mutating func written(_ write: DiskWrite, _ place: Int) {
        switch write {
        case .log(let group, let token, _, _):
            run(place, group) { instance, moment, directives in
                instance.onPersisted(token: token, moment, &directives)
            }
        case .checkpoint(let group, let position, _, _):
            run(place, group) { instance, moment, _ in
                _ = instance.compact(through: position.index, moment)
            }
        case .install(let group, let descriptor, let machine):
            nodes[place].replicas[group].machine = machine
            nodes[place].replicas[group].appliedIndex = descriptor.position.index
            nodes[place].replicas[group].appliedTerm = descriptor.position.term
            nodes[place].replicas[group].received = []
            run(place, group) { instance, moment, directives in
                instance.onSnapshotInstalled(id: descriptor.id, moment, &directives)
            }
            checks.applied(nodes[place], group)
            answerReads(place, group)
        }
    }

    // MARK: Applying

    private mutating func apply(_ place: Int, _ group: Int, through index: LogIndex) {
        let first = nodes[place].replicas[group].appliedIndex + 1
        let entries = nodes[place].replicas[group].instance.entries(from: first, through: index)
        for entry in entries {
            if entry.kind == .command, Int(entry.index) > checks.committedCount(group) {
                noteApplied(entry.payload)
            }
            checks.committed(nodes, group, entry)
            let isMet = nodes[place].replicas[group].apply(entry)
            checks.applied(nodes[place], group)
            if let waiting = nodes[place].replicas[group].takeProposal(at: entry.index) {
                if waiting.term == entry.term {
                    answer(waiting.operation, isMet: isMet)
                } else {
                    giveUp(waiting.operation)
                }
            }
        }
        run(place, group) { instance, moment, directives in
            instance.onApplied(through: index, moment, &directives)
        }
        answerReads(place, group)
        considerCheckpoint(place, group)
    }

    private mutating func considerCheckpoint(_ place: Int, _ group: Int) {
        let applied = nodes[place].replicas[group].appliedIndex
        let base = max(
            nodes[place].disks[group].base.index,
            nodes[place].replicas[group].instance.firstIndex - 1)
        guard applied > base + parameters.checkpointEntryCount, random.next() & 15 == 0 else {
            return
        }
        let replica = nodes[place].replicas[group]
        nodes[place].writes.append(
            .checkpoint(
                group: group,
                position: LogPosition(index: replica.appliedIndex, term: replica.appliedTerm),
                configuration: replica.instance.configuration(at: replica.appliedIndex),
                machine: replica.machine))
        beginWriting(place)
    }
}
