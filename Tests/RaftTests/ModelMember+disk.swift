import Primitives
import Raft

// A member's disk, and the snapshots that it makes and takes. Making, reading and storing a part
// take no time; installing is a write like others.

/// What names a snapshot here: who made it, how far it goes, and what its bytes are, which another
/// future may have at the same place.
struct SnapshotName {
    let maker: UInt8
    let position: LogPosition
    let checksum: UInt32

    init(maker: UInt8, position: LogPosition, checksum: UInt32) {
        self.maker = maker
        self.position = position
        self.checksum = checksum
    }

    init(id: UInt64) {
        maker = UInt8(id & 0xFF)
        position = LogPosition(index: id >> 8 & 0xFF, term: id >> 16 & 0xFF)
        checksum = UInt32(id >> 32)
    }

    var id: UInt64 {
        UInt64(maker) | position.index << 8 | position.term << 16 | UInt64(checksum) << 32
    }
}

extension ModelMember {
    var pastPosition: LogPosition { Self.position(of: past) }

    private static func position(of state: [LogEntry]) -> LogPosition {
        LogPosition(index: state.last?.index ?? 0, term: state.last?.term ?? 0)
    }

    var readableEntries: [LogEntry] {
        damagedFrom.map { first in entries.filter { $0.index < first } } ?? entries
    }

    /// With what is to be reached again, which may be known from the damage only.
    var readableHardState: HardState {
        guard damagedFrom != nil, let last = entries.last else { return hardState }
        var found = hardState
        found.recovery = RecoveryGoal(index: last.index, term: last.term)
            .joined(with: hardState.recovery)
        return found
    }

    mutating func store(_ write: Write) {
        switch write {
        case .log(_, let hardState, let new):
            self.hardState = hardState ?? self.hardState
            guard let first = new.first else { return }
            if let damaged = damagedFrom, first.index <= damaged { damagedFrom = nil }
            entries.removeAll { $0.index >= first.index }
            entries += new
        case .checkpoint(let state, let configuration):
            // A snapshot may have been installed meanwhile.
            guard state.count > past.count else { return }
            past = state
            pastConfiguration = configuration
            entries.removeAll { $0.index <= LogIndex(state.count) }
            if let damaged = damagedFrom, damaged <= LogIndex(state.count) { damagedFrom = nil }
        case .install(let descriptor, let state):
            past = state
            pastConfiguration = descriptor.configuration
            entries = []
            damagedFrom = nil
        }
    }

    /// The disk has said that the write is there.
    mutating func written(_ write: Write, _ effects: inout Effects) {
        switch write {
        case .log(let token, _, _):
            run(&effects) { $0.onPersisted(token: token, $1, &$2) }
        case .checkpoint(let state, _):
            run(&effects) { instance, moment, _ in
                _ = instance.compact(through: LogIndex(state.count), moment)
            }
        case .install(let descriptor, let state):
            self.state = state
            received = []
            run(&effects) { $0.onSnapshotInstalled(id: descriptor.id, $1, &$2) }
        }
    }

    /// Begins a checkpoint of what is applied, unless there is one.
    mutating func checkpoint(_ effects: inout Effects) {
        let isUnderWay = writes.contains { write in
            if case .checkpoint = write { true } else { false }
        }
        effects.isNone = isUnderWay || state.count <= past.count
        guard !effects.isNone else { return }
        let configuration = instance.configuration(at: LogIndex(state.count))
        writes.append(.checkpoint(state: state, configuration))
    }

    // MARK: Snapshots

    mutating func handleSnapshot(_ directive: Directive, _ effects: inout Effects) {
        switch directive {
        case .prepareSnapshot(let peer):
            let position = Self.position(of: state)
            let bytes = Self.encode(state)
            let checksum = CRC32C.checksum(bytes)
            let name = SnapshotName(
                maker: UInt8(instance.member.rawValue - 1), position: position, checksum: checksum)
            let descriptor = SnapshotDescriptor(
                id: name.id, position: position,
                configuration: instance.configuration(at: position.index),
                byteCount: UInt64(bytes.count), checksum: checksum)
            run(&effects) { $0.onSnapshotPrepared(descriptor, for: peer, &$2) }
        case .readSnapshot(let peer, let id, let offset, let byteCount):
            let covered = state.prefix(Int(SnapshotName(id: id).position.index))
            let bytes = Self.encode(Array(covered))
            let part = Array(bytes[Int(offset)..<(Int(offset) + byteCount)])
            run(&effects) { instance, _, directives in
                instance.onSnapshotRead(for: peer, id: id, offset: offset, bytes: part, &directives)
            }
        case .storeSnapshot(let id, let offset, let bytes):
            received.removeSubrange(Int(offset)...)
            received += bytes
            run(&effects) { instance, _, directives in
                instance.onSnapshotStored(
                    id: id, byteCount: UInt64(bytes.count), &directives)
            }
        case .discardSnapshot: received = []
        case .installSnapshot(let descriptor):
            precondition(CRC32C.checksum(received) == descriptor.checksum, "a mixed snapshot")
            writes.append(.install(descriptor, state: Self.decode(received)))
        case .persist, .send, .commit, .beginServing, .endServing, .leaderChanged,
            .configurationChanged, .readReady, .readFailed, .transferAborted:
            break
        }
    }

    private static func encode(_ state: [LogEntry]) -> [UInt8] {
        var writer = ByteWriter()
        for entry in state {
            writer.writeFixed(entry.term)
            writer.write(entry.kind.rawValue)
            writer.writeFixed(UInt16(entry.payload.count))
            for byte in entry.payload { writer.write(byte) }
        }
        return writer.bytes
    }

    private static func decode(_ bytes: [UInt8]) -> [LogEntry] {
        var reader = ByteReader(bytes)
        var state: [LogEntry] = []
        do {
            while reader.offset < bytes.count {
                let term = try reader.readFixed(Term.self)
                let kind = LogEntry.Kind(rawValue: try reader.readByte())
                let payload = try (0..<Int(reader.readFixed(UInt16.self))).map { _ in
                    try reader.readByte()
                }
                guard let kind else { preconditionFailure("an entry of no kind in a snapshot") }
                state.append(
                    LogEntry(
                        index: LogIndex(state.count) + 1, term: term, kind: kind,
                        payload: payload))
            }
        } catch {
            preconditionFailure("a snapshot that was put together wrongly: \(error)")
        }
        return state
    }
}
