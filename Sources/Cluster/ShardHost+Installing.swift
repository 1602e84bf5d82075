import Environment
import Journal
import Primitives
import Raft
import StateStore

// A snapshot that was received becomes the state and the start of the log.
//
//   file ─▶ checked ─▶ rows beside the old ones ─▶ switched ─▶ synced ─▶ journal's mark ─▶ memory
//              └─ not what was promised: rejected
//
// A crash before the switch leaves the old state and rows that do not count. One between the switch
// and the mark leaves a state ahead of the journal: the store says that the state came by a
// snapshot, and the next start syncs it and writes the mark (`NodeStart`). The mark takes the old
// log away, which contradicts the snapshot; so it must not be there before the state is.

extension ShardHost {
    func installSnapshot(_ descriptor: SnapshotDescriptor) {
        snapshots.isInstalling = true
        Task { await self.install(descriptor) }
    }

    private func install(_ descriptor: SnapshotDescriptor) async {
        // The term that the snapshot is of has to be on disk before the state says it.
        await loop.suspend { (resumption: Resumption<Void>) in
            journal.append(group, entries: [], hardState: nil) { resumption.resume() }
        }
        switch await check(descriptor) {
        case .failure(.flawed):
            return reject(descriptor)
        case .failure(.file(let error)):
            return halt.halt("snapshot: \(error)")
        case .success(let blocks):
            guard await replaceRows(by: blocks, descriptor) else { return }
        }
        let position = descriptor.position
        await loop.suspend { (resumption: Resumption<Void>) in
            journal.compact(
                group, upTo: position.index, term: position.term, discardingSuffix: true
            ) { resumption.resume() }
        }
        begin(at: descriptor)
    }

    private func check(
        _ descriptor: SnapshotDescriptor
    ) async -> Result<SnapshotReader, SnapshotReadError> {
        let (storage, group, soundness) = (snapshotStorage, group, table.soundness)
        return await reader.run(on: loop) {
            do throws(SnapshotReadError) {
                return .success(try storage.check(group, descriptor, soundness()))
            } catch {
                return .failure(error)
            }
        }
    }

    /// False when the process is being ended.
    private func replaceRows(
        by blocks: SnapshotReader, _ descriptor: SnapshotDescriptor
    ) async -> Bool {
        let (store, group) = (store, group)
        let begun = await write { () throws(SnapshotError) in
            try SnapshotStorage.inStore { () throws(StateStoreError) in
                try store.beginGeneration(of: group)
            }
        }
        guard let generation = begun else { return false }
        var rest: SnapshotReader? = blocks
        while let next = rest {
            let written = await write { () throws(SnapshotError) in
                try SnapshotStorage.writeBlock(of: next, to: generation, in: store)
            }
            guard let written else { return false }
            rest = written
        }
        let installed = InstalledState(
            applied: AppliedState(
                group: group, index: descriptor.position.index, term: descriptor.position.term),
            context: descriptor.configuration.encoded)
        let switched: Void? = await write { () throws(SnapshotError) in
            try SnapshotStorage.inStore { () throws(StateStoreError) in
                try store.install(generation, installed)
            }
        }
        guard switched != nil else { return false }
        return await synchronize()
    }

    private func synchronize() async -> Bool {
        let store = store
        while true {
            let synced = await write { () throws(SnapshotError) -> [GroupID: LogIndex]? in
                do throws(StateStoreError) {
                    return try store.checkpoint()
                } catch {
                    // A read that takes long is under way; it ends.
                    if case .busy = error { return nil }
                    throw .store(error)
                }
            }
            guard let synced else { return false }
            guard let covered = synced else { continue }
            snapshotStorage.synchronized?(covered)
            return true
        }
    }

    /// Does a piece of work where the state is written, again while that finds no room; nil when it
    /// failed, and the process ends.
    private func write<Value: Sendable>(
        _ work: @escaping @Sendable () throws(SnapshotError) -> Value
    ) async -> Value? {
        while true {
            let result = await snapshotStorage.writer.run(on: loop) { SnapshotResult(work) }
            switch result {
            case .success(let value): return value
            case .failure(.store(.full)):
                await loop.sleep(for: StateWriter.fullPause)
            case .failure(let error):
                halt.halt("snapshot: \(error)")
                return nil
            }
        }
    }

    // MARK: The end

    private func reject(_ descriptor: SnapshotDescriptor) {
        snapshots.isInstalling = false
        raft.onSnapshotRejected(id: descriptor.id, &directives)
        applyCommitted()
        perform()
        wakeWaiters()
    }

    /// The snapshot is on disk: memory begins anew with it. A follower has no proposals.
    private func begin(at descriptor: SnapshotDescriptor) {
        let position = descriptor.position
        table.clear()
        comparison.restart(after: position.index)
        appliedIndex = position.index
        appliedTerm = position.term
        committedIndex = max(committedIndex, position.index)
        compactedIndex = position.index
        snapshots.installedIndex = position.index
        snapshots.generation += 1
        snapshots.receptionNumber += 1
        snapshots.isInstalling = false
        configurationBeingStored = nil
        snapshots.noteInstalled()
        removeFile(snapshotStorage.receivedPath(group))
        raft.onSnapshotInstalled(id: descriptor.id, node.moment(), &directives)
        storedConfiguration = descriptor.configuration
        finishReads()
        perform()
        wakeWaiters()
        noteChange()
        observer?.shardApplied(group)
    }

    private func wakeWaiters() {
        let waiters = snapshots.waiters
        snapshots.waiters = []
        for waiter in waiters { waiter.resume() }
    }

    /// What `body` reads of the store, of one state as a whole: again, if that was replaced
    /// meanwhile.
    func readStored<Value>(_ body: () async -> Value) async -> Value {
        while true {
            while snapshots.isInstalling {
                await loop.suspend { snapshots.waiters.append($0) }
            }
            let generation = snapshots.generation
            let value = await body()
            if !snapshots.isInstalling, snapshots.generation == generation { return value }
        }
    }
}

// MARK: - On a worker

extension SnapshotStorage {
    fileprivate func check(
        _ group: GroupID, _ descriptor: SnapshotDescriptor, _ isSound: (AggregateRow) -> Bool
    ) throws(SnapshotReadError) -> SnapshotReader {
        let file: any File
        do throws(FileError) {
            file = try fileSystem.open(receivedPath(group), create: true)
        } catch {
            throw .file(error)
        }
        return try SnapshotReader.check(
            file, group: group, position: descriptor.position, byteCount: descriptor.byteCount,
            checksum: descriptor.checksum, isSound)
    }

    /// Stores the next block; nil behind the last one.
    fileprivate static func writeBlock(
        of blocks: SnapshotReader, to generation: StateGeneration, in store: StateStore
    ) throws(SnapshotError) -> SnapshotReader? {
        var blocks = blocks
        let rows: [AggregateRow]
        do throws(SnapshotReadError) {
            guard let found = try blocks.next() else { return nil }
            rows = found
        } catch {
            switch error {
            case .file(let error): throw .file(error)
            case .flawed(let flaw): throw .changed(flaw)
            }
        }
        try inStore { () throws(StateStoreError) in try store.write(rows, to: generation) }
        return blocks
    }

    fileprivate static func inStore<Value>(
        _ body: () throws(StateStoreError) -> Value
    ) throws(SnapshotError) -> Value {
        do throws(StateStoreError) { return try body() } catch { throw .store(error) }
    }
}
