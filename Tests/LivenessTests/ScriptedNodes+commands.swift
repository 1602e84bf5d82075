import Liveness
import Primitives
import ScriptKit

// The commands of the liveness scripts. A node is named by its number; no number is everybody.
//
//   nodes 1 2 window=10000 rate-error=5000   nodes with empty disks, which start
//   advance ms=100                           time passes, and nobody looks at a clock
//   run ms=1000 quiet                        time passes, and all that is due is done
//   settle quiet                             writes end, messages arrive, and so on to the end
//   tick 1 | persist 1
//   deliver to=2 from=1 count=1 | drop to=2 | duplicate to=2 (each waiting message once more)
//   keep | replay       remember the waiting messages, and put them on the way again later
//   cut 1 2 | heal      all that 1 sends to 2 is lost, until the network heals
//   stall 1 | unstall 1 (the disk) | pause 1 | resume 1 (the whole node)
//   crash 1 written (the write on its way was done all the same) | restart 1
//   clock 2 jump=-500 (ms) | clock 2 rate=20000 (parts per million)
//   peers 1 are=(2,3)
//   state 1 | network | deadline 1

extension ScriptedNodes {
    static func handler() -> Script.Handler {
        var nodes = ScriptedNodes()
        var kept: [LivenessMessage] = []
        return { command in
            nodes.output = []
            nodes.isQuiet = command.positionals.contains("quiet")
            switch command.name {
            case "keep": kept = nodes.network
            case "replay": nodes.network += kept
            default: try nodes.handle(command)
            }
            if let violation = nodes.violation { throw command.error(violation) }
            return nodes.output.joined(separator: "\n")
        }
    }

    private mutating func handle(_ command: ScriptCommand) throws {
        switch command.name {
        case "nodes", "crash", "restart", "peers": try handleLife(command)
        case "advance", "run", "settle", "clock": try handleTime(command)
        case "deliver", "drop", "duplicate", "network": try handleNetwork(command)
        case "cut":
            try command.allow(positionals: 2...2)
            let ends = try named(command).map { members[$0] }
            cuts.append((ends[0], ends[1]))
        case "heal":
            try command.allow()
            cuts = []
        case "stall", "unstall", "pause", "resume": try handleFault(command)
        case "tick", "persist", "state", "deadline": try handleNode(command)
        default: throw command.unknown
        }
    }

    private func index(_ command: ScriptCommand, _ number: UInt64) throws -> Int {
        guard let index = members.firstIndex(of: MemberID(number)) else {
            throw command.error("there is no node \(number)")
        }
        return index
    }

    /// The nodes that a command names; flags among them are words.
    private func named(_ command: ScriptCommand) throws -> [Int] {
        let numbers = command.positionals.compactMap { UInt64($0) }
        return numbers.isEmpty ? Array(nodes.indices) : try numbers.map { try index(command, $0) }
    }

    private mutating func handleLife(_ command: ScriptCommand) throws {
        switch command.name {
        case "nodes":
            try command.allow(positionals: 1...9, keys: ["window", "rate-error"])
            let window: Int64 = try command.integer("window", default: 10_000)
            options = Self.options(
                clockRateErrorMaxPartsPerMillion: try command.integer("rate-error", default: 5000),
                clockWindow: .milliseconds(window))
            members = command.positionals.compactMap { UInt64($0) }.map { MemberID($0) }
            nodes = members.map { _ in Node() }
            for index in nodes.indices { try start(index) }
        case "crash":
            try command.allow(positionals: 1...2)
            let isWriteDone = command.positionals.contains("written")
            for index in try named(command) { crash(index, isWriteDone: isWriteDone) }
        case "peers":
            try command.allow(positionals: 1...1, keys: ["are"])
            let numbers: [UInt64] = try command.integers("are")
            for index in try named(command) {
                try act(index) { liveness, now, directives in
                    try liveness.setPeers(numbers.map { MemberID($0) }, now: now, &directives)
                }
            }
        default:
            try command.allow(positionals: 1...1)
            for index in try named(command) { try start(index) }
        }
    }

    private mutating func handleTime(_ command: ScriptCommand) throws {
        switch command.name {
        case "advance":
            try command.allow(keys: ["ms"])
            advance(milliseconds: try command.integer("ms"))
        case "run":
            try command.allow(positionals: 0...1, keys: ["ms"])
            run(milliseconds: try command.integer("ms"))
        case "settle":
            try command.allow(positionals: 0...1)
            settle()
        default:
            try command.allow(positionals: 1...1, keys: ["jump", "rate"])
            let jump: Int64 = try command.integer("jump", default: 0)
            for index in try named(command) {
                nodes[index].clock += jump * Self.millisecond
                guard command.has("rate") else { continue }
                nodes[index].ratePartsPerMillion = try command.integer("rate")
                let rates = nodes.map(\.ratePartsPerMillion)
                let spread = rates.max()! - rates.min()!
                areRatesWithinBound = spread <= options.clockRateErrorMaxPartsPerMillion
            }
        }
    }

    private mutating func handleNetwork(_ command: ScriptCommand) throws {
        try command.allow(keys: ["to", "from", "count"])
        let to: UInt64 = try command.integer("to", default: 0)
        let from: UInt64 = try command.integer("from", default: 0)
        var rest: Int = try command.integer("count", default: .max)
        let waiting = network
        network = []
        var chosen: [LivenessMessage] = []
        for message in waiting {
            let isChosen =
                rest > 0 && (to == 0 || message.to.rawValue == to)
                && (from == 0 || message.from.rawValue == from)
            if isChosen {
                chosen.append(message)
                rest -= 1
            } else {
                network.append(message)
            }
        }
        switch command.name {
        case "deliver": for message in chosen { deliver(message) }
        case "drop": for message in chosen { say("lost: \(NodeText.describe(message))") }
        case "duplicate": network += chosen + chosen
        default:
            network = waiting
            for message in chosen { say(NodeText.describe(message)) }
        }
    }

    private mutating func handleFault(_ command: ScriptCommand) throws {
        try command.allow(positionals: 1...1)
        for index in try named(command) {
            switch command.name {
            case "stall": nodes[index].isStalled = true
            case "unstall": nodes[index].isStalled = false
            case "pause": nodes[index].isPaused = true
            default: nodes[index].isPaused = false
            }
        }
    }

    private mutating func handleNode(_ command: ScriptCommand) throws {
        try command.allow(positionals: 0...9)
        for index in try named(command) {
            switch command.name {
            case "tick": tick(index)
            case "persist":
                guard persist(index) else { throw command.error("there is no write to end") }
            case "state": output += state(index)
            default:
                let due = nodes[index].liveness?.nextDeadline
                let rest = due.map { $0.nanoseconds - nodes[index].clock }
                let text = rest.map { "in \(NodeText.milliseconds($0))" } ?? "never"
                say("\(members[index].rawValue) is due \(text)")
            }
        }
    }
}
