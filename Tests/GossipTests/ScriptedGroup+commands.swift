import Gossip
import Primitives
import ScriptKit

// The commands of the Gossip scripts. A member is named by its number, which is its id; no number
// is everybody.
//
//   options lifeguard=none dead-ms=30000 …  for the members that are made after it
//   group 5 | group 6 regions=(a,a,a,b,b,b) members that know each other
//   lone 5                                 member 1, which knows 2 to 5; nobody else exists
//   strangers 4 5 region=a                 members that know nobody
//   join 4 seeds=(1) | leave 2 | forget 1 member=3 | metadata 2 load=9 region=b
//   run ms=1000 show=(ping,ack) only=(1)   time passes; events are shown if nothing else is asked
//   run until=dead of=3 ms=60000           … and ends with the first line of that kind
//   cut 2 | cut 2 3 | cut from=(1) to=(2) kinds=(ping,ack) | split left=(1,2) | mend
//   crash 2 | restart 2 incarnation=20 | freeze 2 | thaw 2
//   tell 1 from=2 kind=ping …              a message by hand, see `told`; what 1 does is shown
//   views 1 of=(2) | health 1 | news 1 | bridges | profiles of=2 | agree | counts 1 | self 1
//
// Kinds of lines: ping ack request nack gossip digest records transport, the events alive suspect
// dead left updated, and disregard for messages that were not taken.

extension ScriptedGroup {
    static let events: Set<String> = ["alive", "suspect", "dead", "left", "updated"]
    static let packets: Set<String> = [
        "ping", "ack", "request", "nack", "gossip", "digest", "records", "transport", "disregard",
    ]

    static func handler() -> Script.Handler {
        var group = ScriptedGroup()
        return { command in
            group.output = []
            group.awaited = nil
            group.shown = events
            group.observers = []
            try group.handle(command)
            return group.output.joined(separator: "\n")
        }
    }

    private mutating func handle(_ command: ScriptCommand) throws {
        switch command.name {
        case "options", "group", "lone", "strangers": try handleMaking(command)
        case "cut", "split", "mend", "crash", "restart", "freeze", "thaw":
            try handleFaults(command)
        case "run": try handleRun(command)
        case "tell": try tell(command)
        case "join", "leave", "forget", "metadata": try handleInputs(command)
        default: try handleQuestions(command)
        }
    }

    /// The members that a command names.
    private func named(_ command: ScriptCommand) throws -> [UInt64] {
        guard !command.positionals.isEmpty else { return numbers }
        return try command.positionals.indices.map { place in
            let number: UInt64 = try command.integer(at: place)
            guard nodes[number] != nil else { throw command.error("there is no member \(number)") }
            return number
        }
    }

    func one(_ command: ScriptCommand) throws -> UInt64 {
        let members = try named(command)
        guard !command.positionals.isEmpty, members.count == 1 else {
            throw command.error("one member has to be named")
        }
        return members[0]
    }

    // MARK: Making

    private mutating func handleMaking(_ command: ScriptCommand) throws {
        switch command.name {
        case "options":
            try command.allow(keys: ["lifeguard", "dead-ms", "bridges"])
            switch try command.text("lifeguard", default: "all") {
            case "all": options.lifeguard = .all
            case "paper": options.lifeguard = .paper
            case "none": options.lifeguard = .none
            default: throw command.error("lifeguard= is all, paper or none")
            }
            options.gossipToDeadDuration = .milliseconds(
                try command.integer("dead-ms", default: 30_000))
            options.bridgeCount = try command.integer("bridges", default: 3)
        case "group":
            try command.allow(positionals: 1...1, keys: ["regions"])
            let count: UInt64 = try command.integer(at: 0)
            let regions = command.values("regions", default: ["north"])
            forgetAll()
            for number in 1...count {
                add(number, region: regions[Int(number - 1) % regions.count])
            }
            let updates = numbers.compactMap { number in
                (nodes[number]?.instance.myself).map {
                    Update(
                        claim: Sample.claim(number, .alive, incarnation: $0.incarnation),
                        profile: $0.profile)
                }
            }
            for number in numbers { introduce(updates, to: number) }
        case "lone":
            try command.allow(positionals: 1...1)
            let count: UInt64 = try command.integer(at: 0)
            forgetAll()
            add(1, region: "north")
            if count > 1 { introduce((2...count).map { Sample.update($0) }, to: 1) }
        default:
            try command.allow(positionals: 1...9, keys: ["region"])
            for place in command.positionals.indices {
                add(
                    try command.integer(at: place),
                    region: try command.text("region", default: "north"))
            }
        }
    }

    private mutating func forgetAll() {
        numbers = []
        nodes = [:]
        arrivals = []
        cuts = []
        sequenceNames = [:]
        now = MonotonicInstant(nanoseconds: 0)
    }

    // MARK: Faults

    private mutating func handleFaults(_ command: ScriptCommand) throws {
        switch command.name {
        case "cut": try cut(command)
        case "split":
            try command.allow(keys: ["left"])
            let left: [UInt64] = try command.integers("left")
            let right = numbers.filter { !left.contains($0) }
            cuts.append(Cut(from: left, to: right))
            cuts.append(Cut(from: right, to: left))
        case "mend":
            try command.allow()
            cuts = []
        case "restart":
            try command.allow(positionals: 1...1, keys: ["incarnation"])
            let number = try one(command)
            let region = nodes[number]?.instance.myself.profile.metadata.region ?? "north"
            add(number, region: region, incarnation: try command.integer("incarnation"))
        default:
            try command.allow(positionals: 1...9)
            for number in try named(command) {
                switch command.name {
                case "crash": nodes[number]?.isUp = false
                case "freeze": nodes[number]?.isFrozen = true
                default: thaw(number)
                }
            }
        }
    }

    private mutating func cut(_ command: ScriptCommand) throws {
        try command.allow(positionals: 0...2, keys: ["from", "to", "kinds"])
        let kinds = command.values("kinds", default: [])
        guard kinds.allSatisfy(Self.packets.contains) else {
            throw command.error("kinds= has a kind that there is not")
        }
        switch command.positionals.count {
        case 0:
            cuts.append(
                Cut(
                    from: try command.integers("from", default: []),
                    to: try command.integers("to", default: []), kinds: kinds))
        case 1:
            let number = try one(command)
            cuts.append(Cut(from: [number], kinds: kinds))
            cuts.append(Cut(to: [number], kinds: kinds))
        default:
            let pair = try named(command)
            cuts.append(Cut(from: [pair[0]], to: [pair[1]], kinds: kinds))
            cuts.append(Cut(from: [pair[1]], to: [pair[0]], kinds: kinds))
        }
    }

    // MARK: Time and inputs

    private mutating func handleRun(_ command: ScriptCommand) throws {
        try command.allow(keys: ["ms", "show", "only", "until", "of"])
        try show(command, default: ["events"])
        observers = try command.integers("only", default: [])
        if command.has("until") {
            let subject: UInt64? = command.has("of") ? try command.integer("of") : nil
            awaited = (try command.text("until"), subject)
        }
        run(until: now + .milliseconds(try command.integer("ms", default: 60_000)))
        if awaited != nil, !isAwaitedMet { say("\(time) it did not happen") }
    }

    mutating func show(_ command: ScriptCommand, default fallback: [String]) throws {
        shown = []
        for kind in command.values("show", default: fallback) {
            switch kind {
            case "events": shown.formUnion(Self.events)
            case let kind where Self.events.union(Self.packets).contains(kind):
                shown.insert(kind)
            default: throw command.error("there are no lines of the kind \(kind)")
            }
        }
    }

    private mutating func handleInputs(_ command: ScriptCommand) throws {
        let number = try one(command)
        shown = Self.events.union(Self.packets)
        switch command.name {
        case "join":
            try command.allow(positionals: 1...1, keys: ["seeds"])
            let seeds: [UInt64] = try command.integers("seeds")
            with(number) { instance, now, directives in
                instance.join(seeds: seeds.map { "n\($0):7000" }, now: now, &directives)
            }
        case "leave":
            try command.allow(positionals: 1...1)
            with(number) { instance, now, directives in
                instance.leave(now: now, &directives)
            }
        case "forget":
            try command.allow(positionals: 1...1, keys: ["member"])
            let member = MemberID(try command.integer("member"))
            with(number) { instance, now, _ in instance.forget(member, now: now) }
        default:
            try command.allow(positionals: 1...1, keys: ["load", "region"])
            guard let metadata = nodes[number]?.instance.myself.profile.metadata else { return }
            let changed = Metadata(
                region: try command.text("region", default: metadata.region),
                zone: metadata.zone, load: try command.integer("load", default: metadata.load))
            with(number) { instance, now, _ in instance.onMetadata(changed, now: now) }
        }
    }

    // MARK: Questions

    private mutating func handleQuestions(_ command: ScriptCommand) throws {
        switch command.name {
        case "agree":
            try command.allow()
            return sayAgreement()
        case "profiles", "views":
            try command.allow(positionals: 0...9, keys: ["of"])
        default: try command.allow(positionals: 0...9)
        }
        for number in try named(command) {
            guard let node = nodes[number], node.isUp else { continue }
            let instance = node.instance
            switch command.name {
            case "views":
                let wanted: [UInt64] = try command.integers("of", default: [])
                let others = instance.membersByID.filter { member in
                    member.id != instance.id
                        && (wanted.isEmpty || wanted.contains(member.id.rawValue))
                }
                say("\(number) sees \(others.map(describe).joined(separator: "; "))")
            case "self":
                say(
                    "\(number) is \(Self.describe(instance.phase)), incarnation "
                        + "\(instance.incarnation), profile \(instance.myself.profile.version)")
            case "health": say("\(number) has health \(instance.health.score)")
            case "news":
                say(
                    "\(number) has news of \(instance.newsCount(.region)) for its region, "
                        + "of \(instance.newsCount(.bridges)) for others")
            case "bridges":
                if instance.isBridge { say("\(number) is a bridge") }
            case "profiles":
                let profile = instance.member(MemberID(try command.integer("of")))?.profile
                say(
                    "\(number) has "
                        + (profile.map { "version \($0.version), load \($0.metadata.load)" }
                            ?? "none"))
            case "counts": sayCounts(number, instance.receptions)
            default: throw command.unknown
            }
        }
    }

    private static func describe(_ phase: GossipInstance.Phase) -> String {
        switch phase {
        case .started: "started"
        case .joining: "joining"
        case .joined: "joined"
        case .leaving: "leaving"
        case .gone: "gone"
        }
    }

    private mutating func sayCounts(_ number: UInt64, _ counts: ReceptionCounts) {
        say("\(number) took \(counts.taken)")
        for reason in Disregard.allCases where counts[reason] > 0 {
            say("\(number) ignored \(counts[reason]): \(reason)")
        }
        for reason in ClaimDisregard.allCases where counts[reason] > 0 {
            say("\(number) passed over \(counts[reason]) claims: \(reason)")
        }
    }

    /// Whether everybody who is up sees the same.
    private mutating func sayAgreement() {
        let running = numbers.filter { number in
            guard let node = nodes[number], node.isUp else { return false }
            return node.instance.phase != .gone
        }
        let views = running.map { number in
            (nodes[number]?.instance.membersByID ?? []).map { member in
                let profile = ", profile \(member.profile.version)"
                return (member.isUp ? "\(member.id.rawValue) up" : describe(member)) + profile
            }.joined(separator: "; ")
        }
        guard let first = views.first else { return say("nobody is up") }
        if views.allSatisfy({ $0 == first }) { return say("all see \(first)") }
        for (number, view) in zip(running, views) { say("\(number) sees \(view)") }
    }
}
