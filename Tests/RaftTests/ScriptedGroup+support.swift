import Primitives
import Raft
import ScriptKit

// The commands of the Raft scripts that are about snapshots and support, the questions, and forged
// messages.

extension ScriptedGroup {
    // MARK: Snapshots

    mutating func handleSnapshots(_ command: ScriptCommand) throws {
        let id = try member(command)
        switch command.name {
        case "snapshot": try prepareSnapshot(command, of: id)
        case "unavailable":
            let peer = MemberID(try command.integer("for"))
            run(id) { instance, _, _ in instance.onSnapshotUnavailable(for: peer) }
        case "busy": members[id]?.isBusy = true
        case "idle":
            members[id]?.isBusy = false
            let chores = members[id]?.chores ?? []
            members[id]?.chores = []
            for chore in chores { perform(chore, by: id) }
        default:
            guard let number = members[id]?.installing else { return say("nothing to install") }
            members[id]?.installing = nil
            guard command.name == "rejected" else { return install(number, at: id) }
            run(id) { instance, _, directives in
                instance.onSnapshotRejected(id: number, &directives)
            }
        }
    }

    private mutating func prepareSnapshot(_ command: ScriptCommand, of id: MemberID) throws {
        guard let member = members[id] else { return }
        let index: LogIndex = try command.integer("at", default: member.instance.appliedIndex)
        let term = member.instance.entries(from: index, through: index).first?.term
        let number: UInt64 = try command.integer("id", default: 100 + index)
        let descriptor = SnapshotDescriptor(
            id: number, position: LogPosition(index: index, term: term ?? member.disk.base.term),
            configuration: member.instance.configuration(at: index),
            byteCount: try command.integer("bytes", default: 100), checksum: 0)
        // What the state machine had applied there: the payloads of the commands up to it.
        snapshots[number] = Array(member.applied.prefix { $0.index <= index })
        let peer = MemberID(try command.integer("for"))
        run(id) { instance, _, directives in
            instance.onSnapshotPrepared(descriptor, for: peer, &directives)
        }
    }

    mutating func install(_ number: UInt64, at id: MemberID) {
        // Behind the writes that are under way.
        _ = persist(id)
        run(id) { instance, moment, directives in
            instance.onSnapshotInstalled(id: number, moment, &directives)
        }
        guard let after = members[id]?.instance else { return }
        members[id]?.disk.base = LogPosition(index: after.firstIndex - 1, term: after.last.term)
        members[id]?.disk.configuration = after.configuration(at: after.firstIndex - 1)
        members[id]?.disk.entries = after.entries(from: after.firstIndex, through: .max)
        members[id]?.disk.appliedIndex = after.appliedIndex
        members[id]?.committed = after.appliedIndex
        members[id]?.applied = snapshots[number] ?? []
    }

    // MARK: Support

    mutating func handleSupport(_ command: ScriptCommand) throws {
        for id in try named(command) {
            switch command.name {
            case "support":
                let peer = MemberID(try command.integer("for"))
                let epoch: SupportEpoch = try command.integer("epoch", default: 1)
                let milliseconds: Int64 = try command.integer("ms", default: 1_000_000)
                members[id]?.support.setGiven(epoch, to: peer)
                let received = SupportTable.Received(
                    epoch: epoch, until: moment(of: peer).now + .milliseconds(milliseconds),
                    isClockTrusted: !command.hasFlag("untrusted"))
                members[peer]?.support.setReceived(received, from: id)
                wake(id)
                wake(peer)
            case "withdraw":
                members[id]?.support.setGiven(nil, to: MemberID(try command.integer("from")))
                wake(id)
            case "expire":
                members[id]?.support.setReceived(nil, from: MemberID(try command.integer("of")))
                wake(id)
            default:
                members[id]?.clockAhead = .milliseconds(try command.integer("ahead"))
            }
        }
    }

    // MARK: Questions

    mutating func handleQuestions(_ command: ScriptCommand) throws {
        for id in try named(command) {
            guard let member = members[id] else { continue }
            let name = id.rawValue
            guard member.isUp else {
                say("\(name) is down")
                continue
            }
            switch command.name {
            case "state": say("\(name) \(ScriptText.describe(member.instance))")
            case "entries":
                let entries = member.instance.entries(from: 1, through: .max)
                say("\(name) \(ScriptText.describe(entries))")
            case "applied":
                let payloads = member.applied.map(\.payload).joined(separator: " ")
                say("\(name) \(payloads.isEmpty ? "nothing" : payloads)")
            case "lease":
                let expiry = member.instance.leaseExpiry(moment(of: id)).map(time)
                say("\(name) " + (expiry.map { "has a lease until \($0)" } ?? "has no lease"))
            case "blockers":
                let names = member.instance.blockers(moment(of: id)).map { "\($0.rawValue)" }
                say("\(name) " + (names.isEmpty ? "knows none" : names.joined(separator: " ")))
            default:
                let deadline = member.instance.nextDeadline.map(time)
                say("\(name) waits " + (deadline.map { "until \($0)" } ?? "for nothing"))
            }
        }
    }

    private func time(_ instant: MonotonicInstant) -> String {
        instant == MonotonicInstant(nanoseconds: .max)
            ? "the end of time" : "\(instant.nanoseconds / 1_000_000) ms"
    }

    // MARK: Forgeries

    /// Delivers what nobody has sent, and says whether the receiver is in any way another one.
    mutating func handleForgery(_ command: ScriptCommand) throws {
        let message = try forged(command)
        let receiver = MemberID(try command.integer("at", default: message.to.rawValue))
        let before = printed(receiver)
        deliver(message, at: receiver)
        let isSame = before == printed(receiver)
        say("\(receiver.rawValue) is \(isSame ? "as before" : "not as before")")
    }

    /// All that an instance remembers.
    func printed(_ id: MemberID) -> String {
        var text = ""
        if let member = members[id] { dump(member.instance, to: &text) }
        return text
    }
}
