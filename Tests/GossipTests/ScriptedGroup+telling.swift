import Gossip
import Primitives
import ScriptKit

// Messages by hand:
//
//   tell 1 from=2 kind=ping sequence=1 news=(3:suspect:10:2)      3 is suspect, by 2
//   tell 1 from=2 kind=request sequence=1 target=3
//   tell 1 from=2 kind=gossip news=(2+:alive:10)                  … with its profile
//   tell 1 from=2 kind=gossip news=(2+:alive:10) profile=12 load=9
//   tell 1 from=2 kind=digest entries=(1:alive:10:10)             incarnation, profile version
//   tell 1 from=2 kind=records wanted=(3)
//   tell 1 from=2 kind=gossip crowd=400                           deaths of 400 unknown members
//   tell 1 from=2 kind=gossip crowd=200 first=3                   deaths of 3 to 202
//
// and wrong ones: cluster=9, sender=3 (than the link's owner), to=7 (another recipient), version=2
// (of the wire form), kept=10 (bytes), added=1 (bytes), name=65 (bytes in the profile's name).

extension ScriptedGroup {
    private static let keys = [
        "from", "kind", "sequence", "target", "news", "profile", "load", "entries", "wanted",
        "crowd", "first", "cluster", "sender", "to", "version", "kept", "added", "name",
        "show",
    ]

    mutating func tell(_ command: ScriptCommand) throws {
        try command.allow(positionals: 1...1, keys: Self.keys)
        let number = try one(command)
        let peer = MemberID(try command.integer("from"))
        let bytes = try told(command, to: number)
        try show(command, default: (Self.events.union(Self.packets)).sorted())
        var reception = Reception.taken
        with(number) { instance, now, directives in
            reception = instance.onMessage(bytes, from: peer, now: now, &directives)
        }
        if reception != .taken { say("\(number) \(Self.describe(reception))") }
    }

    private func told(_ command: ScriptCommand, to number: UInt64) throws -> [UInt8] {
        let message = Message(
            cluster: ClusterID(
                try command.integer("cluster", default: Sample.cluster.rawValue)),
            sender: MemberID(
                try command.integer("sender", default: try command.integer("from"))),
            recipient: MemberID(try command.integer("to", default: number)),
            body: try body(command), updates: try updates(command))
        var bytes = message.encoded
        bytes[2] = try command.integer("version", default: bytes[2])
        if command.has("kept") { bytes = Array(bytes.prefix(try command.integer("kept"))) }
        bytes += [UInt8](repeating: 0, count: try command.integer("added", default: 0))
        return bytes
    }

    private func body(_ command: ScriptCommand) throws -> Message.Body {
        let sequence = sequence(named: try command.integer("sequence", default: 1))
        switch try command.text("kind") {
        case "ping": return .ping(sequence: sequence)
        case "ack": return .acknowledgement(sequence: sequence)
        case "request":
            return .pingRequest(
                sequence: sequence, target: MemberID(try command.integer("target")))
        case "nack": return .negativeAcknowledgement(sequence: sequence)
        case "gossip": return .gossip
        case "digest":
            return .digest(
                DigestPage(
                    lower: MemberID(0), upper: MemberID(.max),
                    entries: try command.values("entries", default: []).map { text in
                        let claim = try claim(text, command)
                        let version = text.split(separator: ":").last.flatMap { UInt64($0) }
                        return DigestEntry(
                            member: claim.subject, incarnation: claim.incarnation,
                            rank: Self.rank(of: claim.standing), profileVersion: version ?? 0)
                    }))
        case "records":
            let wanted: [UInt64] = try command.integers("wanted", default: [])
            return .records(wanted: wanted.map { MemberID($0) })
        default: throw command.error("there is no such kind of message")
        }
    }

    private static func rank(of standing: Standing) -> UInt8 {
        switch standing {
        case .alive: 0
        case .suspect: 1
        case .dead: 2
        case .left: 3
        }
    }

    private func updates(_ command: ScriptCommand) throws -> [Update] {
        let crowd: UInt64 = try command.integer("crowd", default: 0)
        let first: UInt64 = try command.integer("first", default: 1_000)
        let strangers = (0..<crowd).map { Update(claim: Sample.claim(first + $0, .dead)) }
        return try command.values("news", default: []).map { text in
            let claim = try claim(text, command)
            guard text.prefix(while: { $0 != ":" }).hasSuffix("+") else {
                return Update(claim: claim)
            }
            let length: Int = try command.integer("name", default: 0)
            let own = "n\(claim.subject.rawValue)"
            return Update(
                claim: claim,
                profile: Profile(
                    version: try command.integer("profile", default: claim.incarnation),
                    name: length == 0 ? own : String(repeating: "n", count: length),
                    address: "\(own):7000",
                    metadata: Metadata(
                        region: "north", zone: "z1",
                        load: try command.integer("load", default: 0))))
        } + strangers
    }

    /// "3:suspect:10:2" is a suspicion of 3 under incarnation 10 by 2.
    private func claim(_ text: String, _ command: ScriptCommand) throws -> Claim {
        let parts = text.split(separator: ":")
        guard parts.count >= 3, let subject = UInt64(parts[0].prefix { $0 != "+" }),
            let incarnation = Incarnation(parts[2])
        else { throw command.error("\(text) is no claim") }
        let standing: Standing
        switch parts[1] {
        case "alive": standing = .alive
        case "suspect":
            standing = .suspect(by: MemberID(parts.count > 3 ? UInt64(parts[3]) ?? 0 : 0))
        case "dead": standing = .dead
        case "left": standing = .left
        default: throw command.error("\(parts[1]) is no standing")
        }
        return Claim(subject: MemberID(subject), incarnation: incarnation, standing: standing)
    }
}
