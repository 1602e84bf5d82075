import Primitives
import Raft

/// One message of each kind, with the bytes of version 1 that stand for it.
struct MessageSample: Sendable {
    let message: Message
    /// The bytes behind the header that all samples share, in hexadecimal.
    let golden: String

    /// Version, cluster, group, sender, receiver and term.
    static let goldenHeader = "0101020304050607080300000001ac0205"

    static func message(_ body: Message.Body) -> Message {
        Message(
            cluster: ClusterID(0x0807_0605_0403_0201), group: GroupID(3), from: MemberID(1),
            to: MemberID(300), term: 5, body: body)
    }

    private init(_ body: Message.Body, _ golden: String) {
        message = Self.message(body)
        self.golden = golden
    }

    static func all() throws -> [MessageSample] {
        let voters = try Configuration(voters: [MemberID(1), MemberID(2)])
        let joint = try Configuration(
            voters: [MemberID(1), MemberID(4)], outgoing: [MemberID(1), MemberID(2)],
            learners: [MemberID(3)], demoting: [MemberID(2)], retired: [MemberID(8)])
        let last = LogPosition(index: 7, term: 4)
        let entries = [
            LogEntry(index: 8, term: 4, kind: .command, payload: [0xAA]),
            LogEntry(index: 9, term: 5, kind: .noOperation, payload: []),
            LogEntry(index: 10, term: 5, kind: .configuration, payload: voters.encoded),
        ]
        let sealed = LogEntry(
            index: 8, term: 4, kind: .command, keyID: 0x0102_0304, payload: [0xAA])
        let context = Message.ReadContext(life: 0x1122_3344_5566_7788, number: 300)
        let descriptor = SnapshotDescriptor(
            id: 0x55, position: LogPosition(index: 9, term: 4), configuration: joint,
            byteCount: 1000, checksum: 0xDEAD_BEEF)
        let hint = LogPosition(index: 4, term: 3)
        return [
            MessageSample(.preVote(.init(last: last, isTransfer: false)), "01070400"),
            MessageSample(.preVoteReply(isGranted: true), "0201"),
            MessageSample(.vote(.init(last: last, isTransfer: true)), "03070401"),
            MessageSample(.voteReply(isGranted: false), "0400"),
            MessageSample(
                .append(.init(previous: last, entries: entries, commitIndex: 6)),
                "0507040603" + "040101aa" + "050000" + "0502080102010200000000"),
            MessageSample(
                .append(.init(previous: last, entries: [sealed], commitIndex: 6)),
                "0507040601" + "04810403020101aa"),
            MessageSample(
                .appendReply(.init(outcome: .stored(through: 9), commitIndex: 8)), "06010908"),
            MessageSample(
                .appendReply(.init(outcome: .mismatch(previous: 9, hint: hint), commitIndex: 2)),
                "060009040302"),
            MessageSample(.heartbeat(commitIndex: 6, round: 200), "0706c801"),
            MessageSample(
                .heartbeatReply(.init(round: 200, promise: 3, commitIndex: 6)), "08c801010306"),
            MessageSample(
                .heartbeatReply(.init(round: 0, promise: nil, commitIndex: 6)), "08000006"),
            MessageSample(.staleTerm, "09"),
            MessageSample(.timeoutNow, "0a"),
            MessageSample(.readIndex(context), "0b8877665544332211ac02"),
            MessageSample(.readIndexReply(context, index: 9), "0c8877665544332211ac020109"),
            MessageSample(.readIndexReply(context, index: nil), "0c8877665544332211ac0200"),
            MessageSample(
                .snapshotOffer(descriptor),
                "0d5500000000000000" + "0904" + "0102010402010201030102" + "0108"
                    + "e807efbeadde"),
            MessageSample(
                .snapshotChunk(.init(id: 0x55, offset: 128, bytes: [1, 2, 3])),
                "0e55800103010203"),
            MessageSample(.snapshotReply(id: 0x55, storedByteCount: 131), "0f558301"),
            MessageSample(.release(ledTerm: 4), "1004"),
            MessageSample(.releaseReply(ledTerm: 4), "1104"),
            MessageSample(.recovering(.init(last: hint, goal: 9)), "12040309"),
        ]
    }
}
