import Liveness
import Primitives

/// Nodes and messages that the tests of messages begin with.
enum Sample {
    static let cluster = ClusterID(7)
    static let now = MonotonicInstant(nanoseconds: 1000)
    static let options = Liveness.Options()
    /// The newest round of `supportedNode`.
    static let round: UInt64 = 1

    /// From node 2 to node 1, unless it is said otherwise.
    static func message(
        _ body: LivenessMessage.Body, from: UInt64 = 2, to: UInt64 = 1,
        cluster: ClusterID = cluster
    ) -> LivenessMessage {
        LivenessMessage(cluster: cluster, from: MemberID(from), to: MemberID(to), body: body)
    }

    /// Node 1 at the start of a life, with its first write on its way.
    static func unstarted(durable: DurableLiveness? = nil) -> Liveness {
        var directives: [Liveness.Directive] = []
        var node = Liveness(
            cluster: cluster, member: MemberID(1), durable: durable, options: options, now: now)
        try! node.setPeers([MemberID(2), MemberID(3)], now: now, &directives)
        node.onStart(now: now, &directives)
        return node
    }

    static func started(durable: DurableLiveness? = nil) -> Liveness {
        var node = unstarted(durable: durable)
        var directives: [Liveness.Directive] = []
        node.onPersisted(token: 1, now: now, &directives)
        return node
    }

    /// Node 1 under epoch 1, which node 2 supports and is supported by.
    static func supportedNode() -> Liveness {
        var node = started()
        var directives: [Liveness.Directive] = []
        let heartbeat = LivenessMessage.Body.heartbeat(
            epoch: 1, round: 1, durationNanoseconds: options.supportDuration.wholeNanoseconds)
        _ = node.onMessage(message(heartbeat), now: now, &directives)
        node.onPersisted(token: 2, now: now, &directives)
        let reply = LivenessMessage.Body.reply(.supported(1), round: round, life: 1, time: now)
        _ = node.onMessage(message(reply), now: now, &directives)
        return node
    }

    /// Node 1 in its second life.
    static func restarted(_ node: Liveness) -> Liveness {
        started(durable: DurableLiveness(epoch: node.epoch))
    }

    /// One of each kind, and the extremes of what they hold.
    static let messages: [LivenessMessage] = {
        let bodies: [LivenessMessage.Body] = [
            .heartbeat(epoch: 1, round: 1, durationNanoseconds: 2_000_000_000),
            .heartbeat(epoch: .max, round: .max, durationNanoseconds: .min),
            .heartbeat(epoch: 0, round: 0, durationNanoseconds: .max),
            .reply(.supported(1), round: 1, life: 1, time: now),
            .reply(
                .supported(.max), round: .max, life: .max,
                time: MonotonicInstant(nanoseconds: .max)),
            .reply(.outdated(2), round: 1, life: 3, time: now),
            .reply(
                .outdated(0), round: 0, life: 0, time: MonotonicInstant(nanoseconds: .min)),
        ]
        return bodies.map { message($0) } + [message(bodies[0], from: .max, to: 0)]
    }()

    /// Those of `messages` that `supportedNode` may well receive.
    static let ordinary = messages.filter { message in
        switch message.body {
        case .heartbeat(let epoch, _, _): epoch == 1
        case .reply(_, let round, _, _): round == Sample.round
        }
    }

    static let durables: [DurableLiveness] = [
        DurableLiveness(epoch: 0),
        DurableLiveness(epoch: Liveness.epochMax, floor: Liveness.epochMax),
        DurableLiveness(
            epoch: 5, floor: 2,
            rows: [
                .init(
                    member: MemberID(2), epoch: 300,
                    promise: .supporting(durationNanoseconds: 2_000_000_000)),
                .init(member: MemberID(300), epoch: 7, promise: .withdrawn),
            ]),
        DurableLiveness(
            epoch: 1,
            rows: (0..<UInt64(Liveness.rowCountMax)).map { number in
                .init(
                    member: MemberID(number), epoch: number,
                    promise: .supporting(durationNanoseconds: .max))
            }),
    ]
}
