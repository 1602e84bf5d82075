import Liveness
import Primitives
import Raft

// What the shells of a node do: the disk, applying, snapshots.

extension CoreWorld {
    func perform(_ directive: Directive, _ place: Int, _ group: Int) {
        let node = nodes[place]
        guard !node.replicas.isEmpty else { return }
        switch directive {
        case .persist(let token, let hardState, let entries):
            node.writes.append(
                .log(group: group, token: token, hardState: hardState, entries: entries))
            beginWriting(place)
        case .send(let message):
            messageCounts[group][place] += 1
            checks.said(message)
            send(.raft(message), from: message.from, to: message.to)
        case .commit(let index):
            if case .atCommit = node.doom, node.replicas[group].instance.isLeader {
                for other in nodes { other.doom = .none }
                heap.insert(.death(node: place, startCount: node.startCount), at: time)
            }
            apply(place, group, through: index)
        case .beginServing(let term):
            node.replicas[group].isServing = true
            checks.beganServing(self, place, group, term)
        case .endServing:
            abandon(place, group)
        case .leaderChanged(let leader, let term):
            if leader == node.id { checks.leads(self, place, group, term) }
        case .configurationChanged, .transferAborted:
            break
        case .readReady(let id, let index):
            guard let operation = node.replicas[group].asked.removeValue(forKey: id) else { return }
            node.replicas[group].reads.append((operation, index))
            answerReads(place, group)
        case .readFailed(let id):
            if let operation = node.replicas[group].asked.removeValue(forKey: id) {
                giveUp(operation)
            }
        case .prepareSnapshot(let peer): prepareSnapshot(place, group, for: peer)
        case .readSnapshot(let peer, let id, let offset, let byteCount):
            // A newer snapshot, made for another member, has replaced it.
            guard let bytes = node.replicas[group].made[id] else {
                run(place, group) { instance, _, _ in instance.onSnapshotUnavailable(for: peer) }
                return
            }
            let part = Array(bytes[Int(offset)..<(Int(offset) + byteCount)])
            run(place, group) { instance, _, directives in
                instance.onSnapshotRead(
                    for: peer, id: id, offset: offset, bytes: part, &directives)
            }
        case .storeSnapshot(let id, let offset, let bytes):
            node.replicas[group].received.removeSubrange(Int(offset)...)
            node.replicas[group].received += bytes
            run(place, group) { instance, _, directives in
                instance.onSnapshotStored(
                    id: id, byteCount: UInt64(bytes.count), &directives)
            }
        case .discardSnapshot:
            node.replicas[group].received = []
        case .installSnapshot(let descriptor):
            let bytes = node.replicas[group].received
            guard CRC32C.checksum(bytes) == descriptor.checksum,
                let machine = RegisterMachine(encoded: bytes)
            else {
                run(place, group) { instance, _, directives in
                    instance.onSnapshotRejected(id: descriptor.id, &directives)
                }
                return
            }
            node.writes.append(.install(group: group, descriptor: descriptor, machine: machine))
            beginWriting(place)
        }
    }

    private func prepareSnapshot(_ place: Int, _ group: Int, for peer: MemberID) {
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
    func beginWriting(_ place: Int) {
        let node = nodes[place]
        guard !node.isWriting else { return }
        node.isWriting = true
        let jitter = Int64(random.next() & 0xFFFF) * parameters.syncNanoseconds >> 16
        let due = time + (parameters.syncNanoseconds + jitter) * node.diskSlowness
        if isDoomed(node) {
            node.doom = .none
            let death = Int64.random(in: time...due, using: &random)
            heap.insert(.death(node: place, startCount: node.startCount), at: death)
        }
        heap.insert(.diskDone(node: place, startCount: node.startCount), at: due)
    }

    private func isDoomed(_ node: CoreNode) -> Bool {
        switch node.doom {
        case .none, .atCommit: return false
        case .withinWrite: return true
        case .withinHardState:
            return node.writes.contains { write in
                if case .log(_, _, .some, _) = write { true } else { false }
            }
        }
    }

    func finishWrites(_ place: Int) {
        let node = nodes[place]
        node.isWriting = false
        let batch = node.writes
        node.writes.removeAll(keepingCapacity: true)
        let livenessWrite = livenessWrites[place]
        livenessWrites[place] = nil
        for write in batch { store(write, place) }
        if let livenessWrite { livenessDisks[place] = livenessWrite.state }
        for write in batch where node.isUp { written(write, place) }
        if let livenessWrite {
            runLiveness(place) { $0.onPersisted(token: livenessWrite.token, now: $1, &$2) }
        }
        if !node.writes.isEmpty || livenessWrites[place] != nil { beginWriting(place) }
    }

    /// The write is on the disk.
    func store(_ write: DiskWrite, _ place: Int) {
        let node = nodes[place]
        switch write {
        case .log(let group, _, let hardState, let entries):
            if let hardState { checks.stored(hardState, over: node.disks[group].hardState) }
            node.disks[group].write(hardState, entries)
        case .checkpoint(let group, let position, let configuration, let machine):
            guard position.index > node.disks[group].base.index else { return }
            node.disks[group].checkpoint(position, configuration)
            node.disks[group].machine = machine
        case .install(let group, let descriptor, let machine):
            node.disks[group].base = descriptor.position
            node.disks[group].configuration = descriptor.configuration
            node.disks[group].entries = []
            node.disks[group].machine = machine
        }
    }

    /// The disk has said that the write is there.
    private func written(_ write: DiskWrite, _ place: Int) {
        let node = nodes[place]
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
            node.replicas[group].machine = machine
            node.replicas[group].appliedIndex = descriptor.position.index
            node.replicas[group].appliedTerm = descriptor.position.term
            node.replicas[group].received = []
            run(place, group) { instance, moment, directives in
                instance.onSnapshotInstalled(id: descriptor.id, moment, &directives)
            }
            checks.applied(self, place, group)
            answerReads(place, group)
        }
    }

    // MARK: Applying

    private func apply(_ place: Int, _ group: Int, through index: LogIndex) {
        let node = nodes[place]
        let first = node.replicas[group].appliedIndex + 1
        let entries = node.replicas[group].instance.entries(from: first, through: index)
        for entry in entries {
            if entry.kind == .command, Int(entry.index) > checks.committedCount(group) {
                noteApplied(entry.payload)
            }
            checks.committed(self, place, group, entry)
            var isMet = true
            if entry.kind == .command {
                isMet = node.replicas[group].machine.apply(entry.payload)
            }
            node.replicas[group].appliedIndex = entry.index
            node.replicas[group].appliedTerm = entry.term
            checks.applied(self, place, group)
            if let waiting = node.replicas[group].proposals.removeValue(forKey: entry.index) {
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

    private func considerCheckpoint(_ place: Int, _ group: Int) {
        let node = nodes[place]
        let applied = node.replicas[group].appliedIndex
        let base = max(
            node.disks[group].base.index, node.replicas[group].instance.firstIndex - 1)
        guard applied > base + parameters.checkpointEntryCount, random.next() & 15 == 0 else {
            return
        }
        let replica = node.replicas[group]
        node.writes.append(
            .checkpoint(
                group: group,
                position: LogPosition(index: replica.appliedIndex, term: replica.appliedTerm),
                configuration: replica.instance.configuration(at: replica.appliedIndex),
                machine: replica.machine))
        beginWriting(place)
    }
}
