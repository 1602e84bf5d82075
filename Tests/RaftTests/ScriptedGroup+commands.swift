import Primitives
import Raft
import ScriptKit

// The commands of the Raft scripts. A member is named by its number; `all` is everybody.
//
//   group voters=(1,2,3) learners=(4)      members with empty logs and that configuration
//   log 1 term=2 terms=(1,1,2)             member 1 starts anew with entries of these terms
//   join 4                                 a member that is to be added, with an empty log
//   campaign 1 | tick 1 ms=1000 | advance ms=1000 (all clocks, and everybody ticks)
//   propose 1 x y | change 1 add=(4) promote=(4) demote=(2) remove=(3) retire=(3)
//   transfer 1 to=2 | prefer 1 members=(2) | read 2 | stop 1
//   deliver to=2 from=1 type=append count=1 | drop … | duplicate … | reverse (the network's order)
//   persist 1 count=1 | apply 1 | stabilize 1 2 3 | elect 1 (campaign and stabilize, quietly)
//   crash 2 | restart 2 | compact 1 through=5
//   snapshot 1 for=2 bytes=100 | unavailable 1 for=2 | installed 2 | rejected 2
//   support 2 for=1 epoch=1 ms=5000 | withdraw 2 from=1 | expire 1 of=2
//   clock 2 ahead=50 (ms) | forge to=2 from=1 term=5 what=… | state 1 … | entries 1 | network
//   lease 1 | applied 1

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
        case "group", "options", "log", "join", "crash", "restart", "compact":
            try handleLife(command)
        case "deliver", "drop", "duplicate", "reverse", "persist", "apply", "stabilize", "network":
            try handleMoves(command)
        case "snapshot", "unavailable", "installed", "rejected":
            try handleSnapshots(command)
        case "support", "withdraw", "expire", "clock", "lease":
            try handleSupport(command)
        case "state", "entries", "applied":
            try handleQuestions(command)
        case "forge":
            deliver(try forged(command))
        default:
            try handleInputs(command)
        }
    }

    private func member(_ command: ScriptCommand, _ index: Int = 0) throws -> MemberID {
        let id = MemberID(try command.integer(at: index))
        guard members[id] != nil else { throw command.error("there is no member \(id.rawValue)") }
        return id
    }

    private func list(_ command: ScriptCommand, _ key: String) throws -> [MemberID] {
        let numbers: [UInt64] = try command.integers(key, default: [])
        return numbers.map { MemberID($0) }
    }

    private func named(_ command: ScriptCommand) throws -> [MemberID] {
        command.positionals.isEmpty
            ? order : try command.positionals.indices.map { try member(command, $0) }
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
        case "restart": try restart(try member(command))
        default:
            let id = try member(command)
            let index: LogIndex = try command.integer("through")
            let moment = moment(of: id)
            guard var member = members[id] else { return }
            let done = member.instance.compact(through: index, moment).index
            member.disk.configuration = member.instance.configuration(at: done)
            if let last = member.disk.entries.last(where: { $0.index <= done }) {
                member.disk.base = LogPosition(index: last.index, term: last.term)
            }
            member.disk.entries.removeAll { $0.index <= done }
            members[id] = member
            say("\(id.rawValue) compacts through \(done)")
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
            isQuiet = command.has("quiet")
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
            say(members[id].map { ScriptText.describe($0.instance) } ?? "")
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
        case "prefer":
            let preferred = try list(command, "members")
            run(try member(command)) { instance, moment, directives in
                instance.prefer(preferred, moment, &directives)
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

    // MARK: Snapshots

    private mutating func handleSnapshots(_ command: ScriptCommand) throws {
        let id = try member(command)
        guard let member = members[id] else { return }
        switch command.name {
        case "snapshot":
            let index = member.instance.appliedIndex
            let term = member.instance.entries(from: index, through: index).first?.term
            let position = LogPosition(index: index, term: term ?? member.disk.base.term)
            let number: UInt64 = try command.integer("id", default: 100 + index)
            let descriptor = SnapshotDescriptor(
                id: number, position: position,
                configuration: member.instance.configuration(at: index),
                byteCount: try command.integer("bytes", default: 100), checksum: 0)
            let peer = MemberID(try command.integer("for"))
            run(id) { instance, _, directives in
                instance.onSnapshotPrepared(descriptor, for: peer, &directives)
            }
        case "unavailable":
            let peer = MemberID(try command.integer("for"))
            run(id) { instance, _, _ in instance.onSnapshotUnavailable(for: peer) }
        default:
            let number: UInt64 = try command.integer("id")
            if command.name == "rejected" {
                run(id) { instance, _, directives in
                    instance.onSnapshotRejected(id: number, &directives)
                }
                return
            }
            run(id) { instance, moment, directives in
                instance.onSnapshotInstalled(id: number, moment, &directives)
            }
            guard let after = members[id]?.instance else { return }
            members[id]?.disk.base = after.last
            members[id]?.disk.configuration = after.configuration
            members[id]?.disk.entries = []
            members[id]?.disk.appliedIndex = after.appliedIndex
            members[id]?.committed = after.appliedIndex
        }
    }

    // MARK: Support

    private mutating func handleSupport(_ command: ScriptCommand) throws {
        let id = try member(command)
        switch command.name {
        case "support":
            let peer = MemberID(try command.integer("for"))
            let epoch: SupportEpoch = try command.integer("epoch", default: 1)
            let duration = Duration.milliseconds(try command.integer("ms", default: 1_000_000))
            members[id]?.support.setGiven(epoch, to: peer)
            let isTrusted = !command.hasFlag("untrusted")
            members[peer]?.support.setReceived(
                SupportTable.Received(
                    epoch: epoch, until: now + duration, isClockTrusted: isTrusted), from: id)
        case "withdraw":
            members[id]?.support.setGiven(nil, to: MemberID(try command.integer("from")))
            run(id) { instance, moment, directives in instance.onTick(moment, &directives) }
        case "expire":
            members[id]?.support.setReceived(nil, from: MemberID(try command.integer("of")))
            run(id) { instance, moment, directives in instance.onTick(moment, &directives) }
        case "clock":
            members[id]?.clockAhead = .milliseconds(try command.integer("ahead"))
        default:
            guard let member = members[id] else { return }
            let expiry = member.instance.leaseExpiry(moment(of: id))
            say(expiry.map { "lease until \($0.nanoseconds / 1_000_000) ms" } ?? "no lease")
        }
    }

    private mutating func handleQuestions(_ command: ScriptCommand) throws {
        for id in try named(command) {
            guard let member = members[id] else { continue }
            switch command.name {
            case "state":
                say(
                    "\(id.rawValue) "
                        + (member.isUp ? ScriptText.describe(member.instance) : "is down"))
            case "entries":
                let entries = member.instance.entries(from: 1, through: .max)
                say("\(id.rawValue) \(ScriptText.describe(entries))")
            default:
                say("\(id.rawValue) \(member.applied.joined(separator: " "))")
            }
        }
    }
}
