import Gossip
import Primitives
import ScriptKit

/// A few members, their clock and their network, which a script breaks and watches.
///
/// Time passes only while a script says `run`: whoever has something due is woken at that very
/// millisecond, and a packet takes one millisecond, a transport probe two, so that what is read in
/// an output is the protocol and not the weather.
struct ScriptedGroup {
    struct Node {
        var instance: GossipInstance
        var isUp = true
        /// It is held up: neither woken nor given what comes, until it goes on.
        var isFrozen = false
        var waiting: [Arrival] = []
    }

    /// What comes to a member.
    enum Arrival {
        case message(Message, to: UInt64)
        case probed(GossipInstance.TransportProbe, isReachable: Bool, by: UInt64)

        var receiver: UInt64 {
            switch self {
            case .message(_, let receiver), .probed(_, _, let receiver): receiver
            }
        }
    }

    /// Packets that are lost: of these kinds, from these to those. Empty is any.
    struct Cut {
        var from: [UInt64] = []
        var to: [UInt64] = []
        var kinds: [String] = []

        func loses(_ kind: String, from sender: UInt64, to receiver: UInt64) -> Bool {
            (from.isEmpty || from.contains(sender)) && (to.isEmpty || to.contains(receiver))
                && (kinds.isEmpty || kinds.contains(kind))
        }
    }

    var options = GossipOptions()
    /// By rising number, which is also the member's id.
    var numbers: [UInt64] = []
    var nodes: [UInt64: Node] = [:]
    var now = MonotonicInstant(nanoseconds: 0)
    /// Under way, by the time of arrival.
    var arrivals: [(at: MonotonicInstant, arrival: Arrival)] = []
    var cuts: [Cut] = []
    /// Sequence numbers begin by chance; a script names them in the order in which it meets them.
    var sequenceNames: [UInt64: Int] = [:]
    var output: [String] = []
    /// The kinds of lines that are printed, and of whom; all of them when empty.
    var shown = Set<String>()
    var observers: [UInt64] = []
    /// What ends a run when it happens.
    var awaited: (kind: String, subject: UInt64?)?
    var isAwaitedMet = false

    // MARK: Saying

    /// A line of a kind, about `subject`, that concerns `observer`.
    mutating func say(
        _ kind: String, _ observer: UInt64, about subject: UInt64? = nil, _ text: String
    ) {
        if let awaited, awaited.kind == kind,
            observers.isEmpty || observers.contains(observer),
            awaited.subject == nil || awaited.subject == subject
        {
            isAwaitedMet = true
        }
        guard shown.contains(kind), observers.isEmpty || observers.contains(observer) else {
            return
        }
        output.append("\(time) \(text)")
    }

    mutating func say(_ text: String) { output.append(text) }

    var time: String { "\(now.nanoseconds / 1_000_000) ms:" }

    // MARK: Members

    mutating func add(_ number: UInt64, region: String, incarnation: Incarnation = 10) {
        nodes[number] = Node(
            instance: GossipInstance(
                cluster: Sample.cluster, id: MemberID(number),
                profile: Sample.profile("n\(number)", version: incarnation, region: region),
                options: options, seed: number &+ incarnation &* 1_000, now: now))
        if !numbers.contains(number) { numbers.append(number) }
        numbers.sort()
    }

    mutating func introduce(_ updates: [Update], to number: UInt64) {
        with(number) { instance, now, directives in
            instance.introduce(
                updates.filter { $0.claim.subject.rawValue != number }, now: now, &directives)
            directives = []
        }
    }

    mutating func with(
        _ number: UInt64,
        _ body: (inout GossipInstance, MonotonicInstant, inout [GossipInstance.Directive]) -> Void
    ) {
        guard let node = nodes[number], node.isUp else { return }
        var instance = node.instance
        var directives: [GossipInstance.Directive] = []
        body(&instance, now, &directives)
        nodes[number]?.instance = instance
        for directive in directives { perform(directive, by: number) }
    }

    private mutating func perform(_ directive: GossipInstance.Directive, by number: UInt64) {
        switch directive {
        case .send(let message, let destination):
            let receiver = Self.number(of: destination)
            let kind = message.body.scriptName
            let isLost = isLost(kind, from: number, to: receiver)
            let text = describe(message, to: receiver)
            say(kind, number, about: receiver, text + (isLost ? ", lost" : ""))
            guard !isLost else { return }
            arrivals.append((now + .milliseconds(1), .message(message, to: receiver)))
        case .openTransportProbe(let probe, let destination):
            let receiver = Self.number(of: destination)
            let isReachable =
                nodes[receiver]?.isUp == true && nodes[receiver]?.isFrozen == false
                && !isLost("transport", from: number, to: receiver)
                && !isLost("transport", from: receiver, to: number)
            say(
                "transport", number, about: receiver,
                "\(number) connects to \(receiver): "
                    + (isReachable ? "it answers" : "no answer"))
            arrivals.append(
                (
                    now + .milliseconds(2),
                    .probed(probe, isReachable: isReachable, by: number)
                ))
        case .event(let event):
            let (kind, subject, text) = Self.describe(event)
            say(kind, number, about: subject, "\(number) says: \(text)")
        }
    }

    /// Addresses are "n7:7000".
    static func number(of destination: Destination) -> UInt64 {
        UInt64(destination.address.dropFirst().prefix { $0 != ":" }) ?? 0
    }

    private func isLost(_ kind: String, from sender: UInt64, to receiver: UInt64) -> Bool {
        cuts.contains { $0.loses(kind, from: sender, to: receiver) }
    }

    // MARK: Time

    /// Runs until `end`, or until what is awaited has happened.
    mutating func run(until end: MonotonicInstant) {
        isAwaitedMet = false
        while !isAwaitedMet {
            let arrival = arrivals.indices.min { arrivals[$0].at < arrivals[$1].at }
            let due = numbers.compactMap { number -> (at: MonotonicInstant, number: UInt64)? in
                guard let node = nodes[number], node.isUp, !node.isFrozen else { return nil }
                return node.instance.nextDeadline.map { ($0, number) }
            }.min { ($0.at, $0.number) < ($1.at, $1.number) }
            let arrivesAt = arrival.map { arrivals[$0].at }
            guard let next = [arrivesAt, due?.at].compactMap({ $0 }).min(), next <= end else {
                now = end
                return
            }
            now = max(now, next)
            if let arrival, arrivesAt == next {
                take(arrivals.remove(at: arrival).arrival)
            } else if let due {
                wake(due.number)
            }
        }
    }

    mutating func wake(_ number: UInt64) {
        with(number) { instance, now, directives in instance.onTick(now: now, &directives) }
    }

    mutating func take(_ arrival: Arrival) {
        let number = arrival.receiver
        if nodes[number]?.isFrozen == true {
            nodes[number]?.waiting.append(arrival)
            return
        }
        var reception = Reception.taken
        with(number) { instance, now, directives in
            switch arrival {
            case .message(let message, _):
                // By way of its bytes, so that the wire form is always part of the story.
                reception = instance.onMessage(
                    message.encoded, from: message.sender, now: now, &directives)
            case .probed(let probe, let isReachable, _):
                instance.onTransportProbe(probe, isReachable: isReachable)
            }
        }
        guard reception != .taken, case .message(let message, _) = arrival else { return }
        say(
            "disregard", number,
            "\(number) \(Self.describe(reception)) (\(message.body.scriptName) of "
                + "\(message.sender.rawValue))")
    }

    /// Goes on: its timers first, as event loops do, then what has come meanwhile.
    mutating func thaw(_ number: UInt64) {
        nodes[number]?.isFrozen = false
        if let due = nodes[number]?.instance.nextDeadline, due <= now { wake(number) }
        let waiting = nodes[number]?.waiting ?? []
        nodes[number]?.waiting = []
        for arrival in waiting { take(arrival) }
    }
}
