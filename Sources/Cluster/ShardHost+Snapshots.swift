import Environment
import Journal
import Primitives
import Raft
import StateStore

// Snapshots for members that are behind the log.
//
// Made of what the store has: its index is at or behind the log's start, as the log is compacted
// only to where the store is synced. One at a time, for whoever needs it.

extension ShardHost {
    /// How many snapshots were made and installed since the start, for tests and metrics.
    public var snapshotCounts: (made: Int, installed: Int) {
        (snapshots.madeCount, snapshots.installedCount)
    }

    func prepareSnapshot(for peer: MemberID) {
        switch snapshots.making {
        case .making(let id, let peers):
            guard !peers.contains(peer) else { return }
            snapshots.making = .making(id: id, peers: peers + [peer])
        case .made(let descriptor) where descriptor.position.index >= raft.firstIndex - 1:
            raft.onSnapshotPrepared(descriptor, for: peer, &directives)
        case .made, .none:
            dropMadeSnapshot()
            make(for: peer)
        }
    }

    private func make(for peer: MemberID) {
        let id = snapshots.nextID()
        snapshots.making = .making(id: id, peers: [peer])
        let (storage, store, group) = (snapshotStorage, store, group)
        reader.submit {
            SnapshotResult { () throws(SnapshotError) in
                try storage.make(group, id: id, from: store)
            }
        } then: { [self] result in
            onLoop { $0.made(result) }
        }
    }

    private func made(_ result: SnapshotResult<SnapshotStorage.Written?>) {
        guard case .making(let id, let peers) = snapshots.making else { return }
        snapshots.making = .none
        switch result {
        case .success(let written?) where raft.isLeader && written.position.index >= logBase:
            let descriptor = SnapshotDescriptor(
                id: id, position: written.position,
                configuration: raft.configuration(at: written.position.index),
                byteCount: UInt64(written.byteCount), checksum: written.checksum)
            snapshots.making = .made(descriptor)
            snapshots.noteMade()
            for peer in peers { raft.onSnapshotPrepared(descriptor, for: peer, &directives) }
        case .success, .failure(.tooLarge):
            // Overtaken, or nothing that could be sent: the instance asks again.
            give(up: id, for: peers)
        case .failure(.file(let error)) where error.isNoRoom:
            give(up: id, for: peers)
        case .failure(let error):
            halt.halt("snapshot: \(error)")
        }
        perform()
    }

    private func give(up id: UInt64, for peers: [MemberID]) {
        removeFile(snapshotStorage.madePath(group, id: id))
        for peer in peers { raft.onSnapshotUnavailable(for: peer) }
    }

    /// The place right before the log's first entry.
    private var logBase: LogIndex { raft.firstIndex - 1 }

    /// Lets go of a snapshot that is of no use any more: the log does not go on where it ends, or
    /// another member leads.
    func dropUselessSnapshot() {
        guard case .made(let descriptor) = snapshots.making else { return }
        guard raft.isLeader, descriptor.position.index >= logBase else {
            return dropMadeSnapshot()
        }
    }

    private func dropMadeSnapshot() {
        guard case .made(let descriptor) = snapshots.making else { return }
        snapshots.making = .none
        removeFile(snapshotStorage.madePath(group, id: descriptor.id))
    }

    func readSnapshot(for peer: MemberID, id: UInt64, offset: UInt64, byteCount: Int) {
        guard case .made(let descriptor) = snapshots.making, descriptor.id == id,
            let start = Int(exactly: offset)
        else { return raft.onSnapshotUnavailable(for: peer) }
        let (storage, path) = (snapshotStorage, snapshotStorage.madePath(group, id: id))
        reader.submit {
            FileResult { () throws(FileError) in
                try storage.read(path, at: start, count: byteCount)
            }
        } then: { [self] result in
            onLoop { host in
                guard let bytes = host.value(of: result) else { return }
                host.raft.onSnapshotRead(
                    for: peer, id: id, offset: offset, bytes: bytes, &host.directives)
                host.perform()
            }
        }
    }

    // MARK: Receiving

    func storeSnapshot(id: UInt64, offset: UInt64, bytes: [UInt8]) {
        // What a leader of this version never sends is never said to be stored.
        guard let start = Int(exactly: offset),
            start <= SnapshotFormat.fileByteCountMax - bytes.count
        else { return }
        let (storage, group, number) = (snapshotStorage, group, snapshots.receptionNumber)
        reader.submit {
            FileResult { () throws(FileError) in
                try storage.receive(bytes, at: start, for: group)
            }
        } then: { [self] result in
            onLoop { host in
                guard number == host.snapshots.receptionNumber else { return }
                if case .failure(let error) = result, error.isNoRoom {
                    return host.storeLater(id: id, offset: offset, bytes: bytes)
                }
                guard host.value(of: result) != nil else { return }
                host.raft.onSnapshotStored(
                    id: id, byteCount: UInt64(bytes.count), &host.directives)
                host.perform()
            }
        }
    }

    /// The disk is full: the part waits until there is room, or until nobody wants it.
    private func storeLater(id: UInt64, offset: UInt64, bytes: [UInt8]) {
        let number = snapshots.receptionNumber
        loop.schedule(after: raft.options.electionTimeout) { [self] in
            onLoop { host in
                guard number == host.snapshots.receptionNumber else { return }
                host.storeSnapshot(id: id, offset: offset, bytes: bytes)
            }
        }
    }

    func discardSnapshot(id: UInt64) {
        snapshots.receptionNumber += 1
        removeFile(snapshotStorage.receivedPath(group))
    }

    func removeFile(_ path: String) {
        let storage = snapshotStorage
        reader.submit {
            FileResult { () throws(FileError) in try storage.remove(path) }
        } then: { [self] result in
            onLoop { _ = $0.value(of: result) }
        }
    }

    /// The value, or the end of the process: the disk is this node's own.
    private func value<Value>(of result: FileResult<Value>) -> Value? {
        switch result {
        case .success(let value): return value
        case .failure(let error):
            halt.halt("snapshot: \(error)")
            return nil
        }
    }
}

typealias SnapshotResult<Value> = Result<Value, SnapshotError>
private typealias FileResult<Value> = Result<Value, FileError>

extension Result where Failure == SnapshotError {
    init(_ body: () throws(SnapshotError) -> Success) {
        do throws(SnapshotError) {
            self = .success(try body())
        } catch {
            self = .failure(error)
        }
    }
}

extension Result where Failure == FileError {
    fileprivate init(_ body: () throws(FileError) -> Success) {
        do throws(FileError) {
            self = .success(try body())
        } catch {
            self = .failure(error)
        }
    }
}
