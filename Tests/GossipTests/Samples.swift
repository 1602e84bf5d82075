import Gossip
import Primitives

/// What the tests of single instances are made of.
enum Sample {
    static let cluster = ClusterID(0xA1)
    static let start = MonotonicInstant(nanoseconds: 0)

    static func profile(
        _ name: String, version: UInt64 = 10, region: String = "north", load: UInt8 = 0
    ) -> Profile {
        Profile(
            version: version, name: name, address: "\(name):7000",
            metadata: Metadata(region: region, zone: "z1", load: load))
    }

    static func instance(
        _ id: UInt64 = 1, options: GossipOptions = GossipOptions(), region: String = "north"
    ) -> GossipInstance {
        GossipInstance(
            cluster: cluster, id: MemberID(id), profile: profile("n\(id)", region: region),
            options: options, seed: id, now: start)
    }

    static func update(
        _ id: UInt64, _ standing: Standing = .alive, incarnation: Incarnation = 10,
        region: String = "north"
    ) -> Update {
        Update(
            claim: claim(id, standing, incarnation: incarnation),
            profile: profile("n\(id)", region: region))
    }

    static func claim(
        _ id: UInt64, _ standing: Standing, incarnation: Incarnation = 10
    ) -> Claim {
        Claim(subject: MemberID(id), incarnation: incarnation, standing: standing)
    }

    /// An instance with the id 1 that knows the ids 2 through `count`.
    static func acquainted(
        _ count: UInt64, options: GossipOptions = GossipOptions()
    ) -> GossipInstance {
        var instance = instance(options: options)
        var directives: [GossipInstance.Directive] = []
        instance.introduce((2...count).map { update($0) }, now: start, &directives)
        return instance
    }

    static func message(
        from sender: UInt64, to recipient: UInt64? = 1, _ body: Message.Body = .gossip,
        _ updates: [Update] = []
    ) -> Message {
        Message(
            cluster: cluster, sender: MemberID(sender), recipient: recipient.map(MemberID.init),
            body: body, updates: updates)
    }

    /// One valid message of each kind.
    static let messages: [Message] = [
        message(
            from: 2, .ping(sequence: 7),
            [update(2), Update(claim: claim(1, .suspect(by: MemberID(3))))]),
        message(
            from: 2, .acknowledgement(sequence: 7),
            [Update(claim: claim(3, .alive, incarnation: 12))]),
        message(from: 2, .pingRequest(sequence: 8, target: MemberID(3)), [update(2)]),
        message(from: 2, .negativeAcknowledgement(sequence: 8)),
        message(
            from: 2, .gossip,
            [
                update(4, .alive, region: "south"), Update(claim: claim(3, .dead)),
                Update(claim: claim(5, .left)), update(6, .suspect(by: MemberID(2))),
            ]),
        message(
            from: 2, to: nil,
            .digest(
                DigestPage(
                    lower: MemberID(0), upper: MemberID(.max),
                    entries: (1...6).map {
                        DigestEntry(
                            member: MemberID($0), incarnation: 9 + $0, rank: UInt8($0 % 4),
                            profileVersion: 8 + $0)
                    })), [update(2)]),
        message(from: 2, .records(wanted: [MemberID(1), MemberID(3)]), [update(2), update(7)]),
    ]
}

extension GossipInstance {
    /// Takes a message and throws the directives away.
    mutating func take(_ message: Message, at now: MonotonicInstant = Sample.start) -> Reception {
        var directives: [Directive] = []
        return onMessage(message, from: message.sender, now: now, &directives)
    }

    mutating func take(
        _ body: Message.Body = .gossip, from sender: UInt64, _ updates: [Update] = [],
        at now: MonotonicInstant = Sample.start
    ) -> [Directive] {
        var directives: [Directive] = []
        _ = onMessage(
            Sample.message(from: sender, body, updates), from: MemberID(sender), now: now,
            &directives)
        return directives
    }

    /// Runs the clock to `end`, with nobody answering.
    mutating func run(to end: MonotonicInstant) -> [Directive] {
        var directives: [Directive] = []
        while let due = nextDeadline, due <= end { onTick(now: due, &directives) }
        return directives
    }

    func state(_ id: UInt64) -> Member.State? { member(MemberID(id))?.state }
}

extension MonotonicInstant {
    static func at(_ duration: Duration) -> MonotonicInstant { Sample.start + duration }
}
