import Gossip
import Primitives

// Names as the Gossip scripts have them.

extension Message.Body {
    var scriptName: String {
        switch self {
        case .ping: "ping"
        case .acknowledgement: "ack"
        case .pingRequest: "request"
        case .negativeAcknowledgement: "nack"
        case .gossip: "gossip"
        case .digest: "digest"
        case .records: "records"
        }
    }
}

extension ScriptedGroup {
    /// So many pieces of news are told one by one; of more, only the number.
    private static let toldCountMax = 6

    mutating func describe(_ message: Message, to receiver: UInt64) -> String {
        var text = "\(message.sender.rawValue) → \(receiver) \(describe(message.body))"
        if message.updates.count > Self.toldCountMax {
            text += "; \(message.updates.count) pieces of news, \(message.encoded.count) bytes"
        } else if !message.updates.isEmpty {
            text += "; " + message.updates.map(Self.describe).joined(separator: ", ")
        }
        return text
    }

    private mutating func describe(_ body: Message.Body) -> String {
        switch body {
        case .ping(let sequence): "ping \(name(of: sequence))"
        case .acknowledgement(let sequence): "ack \(name(of: sequence))"
        case .pingRequest(let sequence, let target):
            "asks for a ping of \(target.rawValue), \(name(of: sequence))"
        case .negativeAcknowledgement(let sequence): "nack \(name(of: sequence))"
        case .gossip: "gossip"
        case .digest(let page): "digest of " + Self.describe(page)
        case .records(let wanted):
            "records"
                + (wanted.isEmpty
                    ? "" : ", wants \(wanted.map { "\($0.rawValue)" }.joined(separator: " "))")
        }
    }

    private static func describe(_ page: DigestPage) -> String {
        page.entries.map { entry in
            let rank = ["alive", "suspect", "dead", "left"][Int(entry.rank)]
            return "\(entry.member.rawValue) \(rank) \(entry.incarnation)/\(entry.profileVersion)"
        }.joined(separator: ", ")
    }

    private mutating func name(of sequence: UInt64) -> String {
        if let name = sequenceNames[sequence] { return "#\(name)" }
        let name = sequenceNames.count + 1
        sequenceNames[sequence] = name
        return "#\(name)"
    }

    /// The number behind a name; a script may also make one up.
    func sequence(named name: Int) -> UInt64 {
        sequenceNames.first { $0.value == name }?.key ?? UInt64(name)
    }

    static func describe(_ update: Update) -> String {
        let claim = update.claim
        var text = "\(claim.subject.rawValue) "
        switch claim.standing {
        case .alive: text += "alive \(claim.incarnation)"
        case .suspect(let accuser):
            text += "suspect \(claim.incarnation) by \(accuser.rawValue)"
        case .dead: text += "dead \(claim.incarnation)"
        case .left: text += "left \(claim.incarnation)"
        }
        return text + (update.profile.map { " with profile \($0.version)" } ?? "")
    }

    static func describe(
        _ event: GossipInstance.Event
    ) -> (kind: String, subject: UInt64, text: String) {
        switch event {
        case .memberAlive(let member, let incarnation):
            let number = member.rawValue
            return ("alive", number, "\(number) is alive, incarnation \(incarnation)")
        case .memberSuspect(let member, let accuser):
            let number = member.rawValue
            return ("suspect", number, "\(number) is suspect, by \(accuser.rawValue)")
        case .memberDead(let member):
            return ("dead", member.rawValue, "\(member.rawValue) is dead")
        case .memberLeft(let member):
            return ("left", member.rawValue, "\(member.rawValue) has left")
        case .memberUpdated(let member):
            return ("updated", member.rawValue, "\(member.rawValue) has a new profile")
        }
    }

    static func describe(_ reception: Reception) -> String {
        switch reception {
        case .taken: "takes it"
        case .ignored(let reason): "ignores it: \(reason)"
        case .refused(.malformed(let error)): "refuses it: malformed, \(error)"
        case .refused(let reason): "refuses it: \(reason)"
        }
    }

    func describe(_ member: Member) -> String {
        let text = "\(member.id.rawValue) "
        switch member.state {
        case .alive: return text + "alive \(member.incarnation)"
        case .suspect(let suspicion):
            let accusers = suspicion.accusers.map { "\($0.rawValue)" }.joined(separator: " ")
            return text + "suspect \(member.incarnation) by \(accusers), "
                + "\((suspicion.deadline - now).wholeMilliseconds) ms left"
        case .dead: return text + "dead \(member.incarnation)"
        case .left: return text + "left \(member.incarnation)"
        }
    }
}
