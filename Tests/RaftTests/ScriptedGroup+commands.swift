import Primitives
import Raft
import ScriptKit

// The commands of the Raft scripts. A member is named by its number; no number is everybody.
//
//   options inflight=2 append-bytes=10 …   for the groups that are made after it
//   group voters=(1,2,3) learners=(4)      members with empty logs and that configuration
//   log 1 term=2 terms=(1,1,2)             member 1 starts anew with entries of these terms
//   join 4                                 a member that is to be added, with an empty log
//   campaign 1 | tick 1 ms=1000 | advance ms=1000 (and whoever is due ticks)
//   propose 1 x y | change 1 add=(4) promote=(4) demote=(2) remove=(3) retire=(3)
//   transfer 1 to=2 | prefer 1 2 members=(2) | read 2 | renew 1 | stop 1
//   deliver to=2 from=1 type=append count=1 | drop … | duplicate … | reverse (the network's order)
//   persist 1 count=1 | apply 1 | stabilize 1 2 3 quiet | elect 1 (campaign, stabilize, quietly)
//   crash 2 | damage 2 at=3 (while it is down) | restart 2 | compact 1 through=5
//   snapshot 1 for=2 bytes=100 at=5 | unavailable 1 for=2 | installed 2 | rejected 2
//   busy 1 (reads and stores no chunks until …) | idle 1
//   support 2 3 for=1 epoch=1 ms=5000 untrusted | withdraw 2 3 from=1 | expire 1 of=2
//   clock 2 ahead=50 (ms) | forge append to=2 from=1 term=5 … (and whether it changed anything)
//   state 1 | entries 1 | applied 1 | network | lease 1 | deadline 1 | blockers 1

extension ScriptedGroup {
    static func handler() -> Script.Handler {
        var group = ScriptedGroup()
        return { command in
            group.output = []
            group.isQuiet = false
            try group.handle(command)
            return group.output.joined(separator: "\n")
        }
    }

    private mutating func handle(_ command: ScriptCommand) throws {
        switch command.name {
        case "group", "options", "log", "join", "crash", "damage", "restart", "compact":
            try handleLife(command)
        case "deliver", "drop", "duplicate", "reverse", "persist", "apply", "stabilize", "network":
            try handleMoves(command)
        case "snapshot", "unavailable", "installed", "rejected", "busy", "idle":
            try handleSnapshots(command)
        case "support", "withdraw", "expire", "clock":
            try handleSupport(command)
        case "state", "entries", "applied", "lease", "deadline", "blockers":
            try handleQuestions(command)
        case "forge":
            try handleForgery(command)
        default:
            try handleInputs(command)
        }
    }

    func member(_ command: ScriptCommand, _ index: Int = 0) throws -> MemberID {
        let id = MemberID(try command.integer(at: index))
        guard members[id] != nil else { throw command.error("there is no member \(id.rawValue)") }
        return id
    }

    private func list(_ command: ScriptCommand, _ key: String) throws -> [MemberID] {
        let numbers: [UInt64] = try command.integers(key, default: [])
        return numbers.map { MemberID($0) }
    }

    /// The members that a command names; flags among them are words.
    func named(_ command: ScriptCommand) throws -> [MemberID] {
        let places = command.positionals.indices.filter {
            command.positionals[$0].first?.isNumber ?? false
        }
        return places.isEmpty ? order : try places.map { try member(command, $0) }
    }

    // MARK: Lives

    private mutating func handleLife(_ command: ScriptCommand) throws {
        switch command.name {
        case "options":
            options = Options(
                appendByteCountMax: try command.integer("append-bytes", default: 1 << 20),
                appendCountMax: try command.integer("append-count", default: 4096),
                inflightCountMax: try command.integer("inflight", default: 256),
                inflightByteCountMax: try command.integer("inflight-bytes", default: 16 << 20),
                uncommittedByteCountMax: try command.integer("uncommitted", default: 64 << 20),
                retainedByteCountMax: try command.integer("retained", default: 64 << 20),
                promotionLagMax: try command.integer("lag", default: 1000),
                snapshotChunkByteCount: try command.integer("chunk", default: 256 << 10))
        case "group":
            let configuration = try Configuration(
                voters: try list(command, "voters"), learners: try list(command, "learners"))
            isQuiet = true
            members = [:]
            network = []
            for id in configuration.members {
                add(id, disk: ScriptedMember.Disk(configuration: configuration))
            }
        case "log":
            let id = try member(command)
            let terms: [UInt64] = try command.integers("terms")
            let old = members[id]?.disk.configuration
            guard let old else { return }
            var disk = ScriptedMember.Disk(configuration: old)
            disk.hardState.term = try command.integer("term")
            disk.entries = terms.enumerated().map { place, term in
                LogEntry(
                    index: LogIndex(place + 1), term: term, kind: .command,
                    payload: Array("\(place + 1)".utf8))
            }
            isQuiet = true
            add(id, disk: disk)
        case "join":
            let id = MemberID(try command.integer(at: 0))
            guard let other = order.first, let disk = members[other]?.disk else { return }
            isQuiet = true
            add(id, disk: ScriptedMember.Disk(configuration: disk.configuration))
        case "crash": crash(try member(command))
        case "damage":
            let index: LogIndex = try command.integer("at")
            members[try member(command)]?.disk.damage(at: index)
        case "restart": try restart(try member(command))
        default:
            compact(try member(command), through: try command.integer("through"))
        }
    }

    // MARK: Moves

    private func matcher(_ command: ScriptCommand) throws -> (Message) -> Bool {
        try command.allow(positionals: 0...0, keys: ["to", "from", "type", "count"])
        let receivers = try list(command, "to")
        let senders = try list(command, "from")
        let type = try command.text("type", default: "")
        return { message in
            (receivers.isEmpty || receivers.contains(message.to))
                && (senders.isEmpty || senders.contains(message.from))
                && (type.isEmpty || message.body.scriptName == type)
        }
    }

    private mutating func handleMoves(_ command: ScriptCommand) throws {
        switch command.name {
        case "deliver":
            let count: Int = try command.integer("count", default: Int.max)
            let isAny = deliver(countMax: count, where: try matcher(command)) > 0
            if !isAny { say("nothing to deliver") }
        case "drop":
            let matches = try matcher(command)
            let count: Int = try command.integer("count", default: Int.max)
            for message in network.filter(matches).prefix(count) {
                say("lost: \(ScriptText.describe(message))")
                if let place = network.firstIndex(of: message) { network.remove(at: place) }
            }
        case "duplicate":
            let matches = try matcher(command)
            network.append(contentsOf: network.filter(matches))
        case "reverse": network.reverse()
        case "network":
            for message in network { say(ScriptText.describe(message)) }
            if network.isEmpty { say("nothing is on its way") }
        case "persist":
            let count: Int = try command.integer("count", default: Int.max)
            if persist(try member(command), countMax: count) == 0 { say("nothing to write") }
        case "apply":
            if try !apply(member(command)) { say("nothing to apply") }
        default:
            isQuiet = command.hasFlag("quiet")
            stabilize(try named(command))
        }
    }

    // MARK: Inputs

    private mutating func handleInputs(_ command: ScriptCommand) throws {
        switch command.name {
        case "advance":
            advance(.milliseconds(try command.integer("ms")), order)
        case "tick":
            now = now + .milliseconds(try command.integer("ms", default: 0))
            let id = try member(command)
            run(id) { instance, moment, directives in instance.onTick(moment, &directives) }
        case "campaign", "elect":
            let id = try member(command)
            isQuiet = command.name == "elect"
            run(id) { instance, moment, directives in
                instance.onElectionTimeout(moment, &directives)
            }
            guard command.name == "elect" else { return }
            stabilize(order)
            isQuiet = false
            let text = members[id].map { ScriptText.describe($0.instance) } ?? ""
            say(text)
        case "stop":
            run(try member(command)) { instance, _, directives in instance.onStop(&directives) }
        case "read":
            let read = nextReadID
            nextReadID += 1
            run(try member(command)) { instance, moment, directives in
                instance.read(id: read, moment, &directives)
            }
        case "propose": try propose(command)
        case "change": try change(command)
        case "transfer": try transfer(command)
        case "renew":
            run(try member(command)) { instance, moment, directives in
                instance.renewTerm(moment, &directives)
            }
        case "prefer":
            let preferred = try list(command, "members")
            for id in try named(command) {
                run(id) { instance, moment, directives in
                    instance.prefer(preferred, moment, &directives)
                }
            }
        default: throw command.unknown
        }
    }

    private mutating func propose(_ command: ScriptCommand) throws {
        let id = try member(command)
        let size: Int = try command.integer("bytes", default: 0)
        let payloads =
            size > 0
            ? [[UInt8](repeating: UInt8(ascii: "x"), count: size)]
            : command.positionals.dropFirst().map { Array($0.utf8) }
        let term: Term = try command.integer(
            "term", default: members[id]?.instance.hardState.term ?? 0)
        var refusal: String?
        run(id) { instance, moment, directives in
            do throws(Instance.ProposalRefusal) {
                _ = try instance.propose(payloads, expectedTerm: term, moment, &directives)
            } catch {
                refusal = "\(error)"
            }
        }
        if let refusal { say("refused: \(refusal)") }
    }

    private mutating func change(_ command: ScriptCommand) throws {
        let changes: [Configuration.Change] =
            try list(command, "add").map { .addLearner($0) }
            + list(command, "promote").map { .promote($0) }
            + list(command, "demote").map { .demote($0) }
            + list(command, "remove").map { .remove($0) }
            + list(command, "retire").map { .retire($0) }
        var refusal: String?
        run(try member(command)) { instance, moment, directives in
            do throws(Instance.ChangeRefusal) {
                _ = try instance.change(changes, moment, &directives)
            } catch {
                refusal = "\(error)"
            }
        }
        if let refusal { say("refused: \(refusal)") }
    }

    private mutating func transfer(_ command: ScriptCommand) throws {
        let target = MemberID(try command.integer("to"))
        var refusal: String?
        run(try member(command)) { instance, moment, directives in
            do throws(Instance.ChangeRefusal) {
                try instance.transferLeadership(to: target, moment, &directives)
            } catch {
                refusal = "\(error)"
            }
        }
        if let refusal { say("refused: \(refusal)") }
    }
}
