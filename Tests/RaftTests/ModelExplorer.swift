import Primitives
import Raft

/// Walks every state within the bounds, breadth first, and holds each against what must be true.
struct ModelExplorer {
    struct Step: Hashable {
        let place: Int
        let event: ModelMember.Event
    }

    /// What an event makes of one member.
    struct Outcome {
        let member: UInt32
        let sent: [UInt16]
        let reads: [(id: UInt64, index: LogIndex?)]
        let offence: String?
        let isNone: Bool
        /// A vote is given in `sent`.
        let grants: Bool
    }

    struct OutcomeKey: Hashable {
        let member: UInt32
        let event: ModelMember.Event
    }

    /// What is asked of a message on its way.
    struct MessageFacts {
        let from: Int
        let to: Int
        let term: Term
        /// Without a meaning to whoever has another term, or does not lead.
        let isAnswer: Bool
        let isStaleTerm: Bool
        let isCandidacy: Bool
        let grants: Bool
    }

    let bounds: ModelBounds
    var members: [ModelMember] = []
    var facts: [ModelFacts] = []
    var messages: [Message] = []
    var messageFacts: [MessageFacts] = []
    var histories: [ModelHistory] = []
    /// For each renaming, by number.
    var memberHashes: [[ModelHash]] = []
    var messageHashes: [[ModelHash]] = []
    var historyHashes: [[ModelHash]] = []
    private var memberNumbers: [ModelHash: UInt32] = [:]
    private var messageNumbers: [Message: UInt16] = [:]
    private var historyNumbers: [ModelHistory: UInt32] = [:]
    private var logNumbers: [[LogEntry]: Int] = [:]
    private var outcomes: [OutcomeKey: Outcome] = [:]

    private(set) var visited = VisitedStates()
    var transitionCount = 0
    private(set) var depth = 0
    private(set) var isExhausted = false
    /// States in which a lease counts, a second leader is about, a snapshot is being installed, and
    /// steps that answer a read, of another member than the leader: proof that these were visited.
    var leaseCount = 0
    var rivalCount = 0
    var installCount = 0
    var readCount = 0
    var forwardedCount = 0
    var commitMax: LogIndex = 0
    /// The first violation, told from the beginning.
    private(set) var violation: [String]?

    init(_ bounds: ModelBounds) {
        self.bounds = bounds
        memberHashes = bounds.symmetries.map { _ in [] }
        messageHashes = memberHashes
        historyHashes = memberHashes
    }

    /// What was explored, for a line of its own.
    var summary: String {
        var counts = [
            "\(visited.count) states", "\(transitionCount) transitions", "depth \(depth)",
            "\(commitMax) entries committed", "\(leaseCount) states with a lease",
            "\(rivalCount) with two leaders",
        ]
        if installCount > 0 { counts.append("\(installCount) with a snapshot being installed") }
        if readCount > 0 { counts.append("\(readCount) reads, \(forwardedCount) of followers") }
        return "\(bounds.name), \(bounds.description): " + counts.joined(separator: ", ")
            + "; frontier exhausted"
    }

    // MARK: Walking

    mutating func explore(stateCountMax: Int = .max) throws {
        let start = try beginning()
        _ = visited.insert(hash(of: start), from: 0)
        var level = [start]
        var numbers: [UInt32] = [0]
        var nextLevel: [ModelState] = []
        var nextNumbers: [UInt32] = []
        var next: [(state: ModelState, step: Step, fault: String?)] = []
        while !level.isEmpty {
            for (state, number) in zip(level, numbers) {
                next.removeAll(keepingCapacity: true)
                expand(state) { next.append(($0, $1, $2)) }
                transitionCount += next.count
                for (successor, step, broken) in next {
                    // What a step shows is wrong wherever it leads to.
                    if let broken {
                        let (lines, last) = try transcript(to: number)
                        violation =
                            lines + describe(step, from: last, to: successor)
                            + ["violated: " + broken]
                        return
                    }
                    guard let new = visited.insert(hash(of: successor), from: number) else {
                        continue
                    }
                    if let fault = fault(in: successor) {
                        violation = try transcript(to: new).lines + ["violated: " + fault]
                        return
                    }
                    nextLevel.append(successor)
                    nextNumbers.append(new)
                }
            }
            guard visited.count < stateCountMax else { return }
            swap(&level, &nextLevel)
            swap(&numbers, &nextNumbers)
            nextLevel.removeAll(keepingCapacity: true)
            nextNumbers.removeAll(keepingCapacity: true)
            if !level.isEmpty { depth += 1 }
        }
        isExhausted = true
    }

    /// The same for all renamings of the members.
    func hash(of state: ModelState) -> ModelHash {
        var best: ModelHash?
        for renaming in bounds.symmetries.indices {
            var hash = historyHashes[renaming][Int(state.history)]
            for place in 0..<ModelBounds.memberCount {
                hash += memberHashes[renaming][Int(state.members[place])]
            }
            for place in 0..<ModelState.networkCapacity {
                guard state.network[place] != 0 else { break }
                hash += messageHashes[renaming][Int(state.network[place]) - 1]
            }
            if let known = best, !(hash < known) { continue }
            best = hash
        }
        guard var best else { preconditionFailure("no renaming, not even of nobody") }
        let left = unsafeBitCast(state.left, to: SIMD2<UInt64>.self)
        best += ModelHash([left[0], left[1]])
        return best
    }

    private mutating func transcript(
        to last: UInt32
    ) throws -> (lines: [String], state: ModelState) {
        var path = [last]
        while let first = path.first, first != 0 { path.insert(visited.parent(of: first), at: 0) }
        var lines: [String] = []
        var state = try beginning()
        for number in path.dropFirst() {
            var found: (state: ModelState, step: Step)?
            let wanted = visited.hash(of: number)
            var successors: [(ModelState, Step)] = []
            expand(state) { successor, step, _ in successors.append((successor, step)) }
            for (successor, step) in successors where hash(of: successor) == wanted {
                found = (successor, step)
                break
            }
            guard let found else { return (lines + ["the way on is lost"], state) }
            lines += describe(found.step, from: state, to: found.state)
            state = found.state
        }
        return (lines, state)
    }

    // MARK: Tables

    mutating func number(of member: ModelMember) -> UInt32 {
        let hashes = bounds.symmetries.map { renaming in
            var writer = ModelWriter(renaming)
            member.write(to: &writer)
            return ModelHash(writer.words)
        }
        if let known = memberNumbers[hashes[0]] { return known }
        let number = UInt32(members.count)
        memberNumbers[hashes[0]] = number
        members.append(member)
        let log = member.log
        let logNumber = logNumbers[log] ?? logNumbers.count
        logNumbers[log] = logNumber
        facts.append(ModelFacts(member, logNumber))
        for (place, hash) in hashes.enumerated() { memberHashes[place].append(hash) }
        return number
    }

    mutating func number(of history: ModelHistory) -> UInt32 {
        if let known = historyNumbers[history] { return known }
        let number = UInt32(histories.count)
        historyNumbers[history] = number
        histories.append(history)
        for (place, renaming) in bounds.symmetries.enumerated() {
            var writer = ModelWriter(renaming)
            history.write(to: &writer)
            historyHashes[place].append(ModelHash(writer.words))
        }
        return number
    }

    private mutating func number(of message: Message) -> UInt16 {
        if let known = messageNumbers[message] { return known }
        messages.append(message)
        // Number 0 is no message.
        let number = UInt16(messages.count)
        messageNumbers[message] = number
        messageFacts.append(MessageFacts(message))
        for (place, renaming) in bounds.symmetries.enumerated() {
            var writer = ModelWriter(renaming)
            writer.write(message)
            messageHashes[place].append(ModelHash(writer.words))
        }
        return number
    }

    mutating func outcome(of event: ModelMember.Event, at member: UInt32) -> Outcome {
        let key = OutcomeKey(member: member, event: event)
        if let known = outcomes[key] { return known }
        var next = members[Int(member)]
        let effects = next.act(event, bounds) { messages[Int($0) - 1] }
        let outcome = Outcome(
            member: number(of: next),
            sent: effects.sent.filter { !isLost($0) }.map { number(of: $0) },
            reads: effects.reads, offence: effects.offence, isNone: effects.isNone,
            grants: effects.sent.contains { $0.body == .voteReply(isGranted: true) })
        outcomes[key] = outcome
        return outcome
    }

    private func isLost(_ message: Message) -> Bool {
        switch message.body {
        case .heartbeat, .heartbeatReply: bounds.lost.contains(.heartbeats)
        case .release, .releaseReply: bounds.lost.contains(.releases)
        case .preVote, .preVoteReply, .vote, .voteReply, .append, .appendReply, .staleTerm,
            .timeoutNow, .readIndex, .readIndexReply, .snapshotOffer, .snapshotChunk,
            .snapshotReply, .recovering:
            false
        }
    }
}

extension ModelExplorer.MessageFacts {
    init(_ message: Message) {
        from = Int(message.from.rawValue) - 1
        to = Int(message.to.rawValue) - 1
        term = message.term
        switch message.body {
        // To anybody but a leader the last one only says why there is no vote.
        case .voteReply, .appendReply, .recovering: isAnswer = true
        default: isAnswer = false
        }
        isStaleTerm = message.body == .staleTerm
        switch message.body {
        case .vote, .preVote: isCandidacy = true
        default: isCandidacy = false
        }
        grants = message.body == .voteReply(isGranted: true)
    }
}

/// Hashes of the states that were visited, in the order in which they were found, and the state
/// from which each was.
///
/// Among a hundred million states two share a hash of 128 bits with a chance of 10⁻²³.
struct VisitedStates {
    private var hashes: [ModelHash] = []
    private var parents: [UInt32] = []
    /// One more than a state's number, or 0; as many as a power of two.
    private var slots = [UInt32](repeating: 0, count: 1 << 16)

    var count: Int { hashes.count }

    func hash(of number: UInt32) -> ModelHash { hashes[Int(number)] }
    func parent(of number: UInt32) -> UInt32 { parents[Int(number)] }

    /// The number of a state that is new.
    mutating func insert(_ hash: ModelHash, from parent: UInt32) -> UInt32? {
        if (hashes.count + 1) * 4 > slots.count * 3 { grow() }
        var slot = Int(truncatingIfNeeded: hash.low) & (slots.count - 1)
        while slots[slot] != 0 {
            if hashes[Int(slots[slot]) - 1] == hash { return nil }
            slot = (slot + 1) & (slots.count - 1)
        }
        hashes.append(hash)
        parents.append(parent)
        slots[slot] = UInt32(hashes.count)
        return UInt32(hashes.count - 1)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for (number, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash.low) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }
}
