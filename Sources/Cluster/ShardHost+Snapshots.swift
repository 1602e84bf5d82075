import Primitives
import Raft

extension ShardHost {
    func prepareSnapshot(for peer: MemberID) {
        raft.onSnapshotUnavailable(for: peer)
    }

    func readSnapshot(for peer: MemberID, id: UInt64, offset: UInt64, byteCount: Int) {
        raft.onSnapshotUnavailable(for: peer)
    }

    func storeSnapshot(id: UInt64, offset: UInt64, bytes: [UInt8]) {}

    func discardSnapshot(id: UInt64) {}

    func installSnapshot(_ descriptor: SnapshotDescriptor) {
        raft.onSnapshotRejected(id: descriptor.id, &directives)
    }
}
