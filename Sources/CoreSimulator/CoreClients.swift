import Linearizability
import Liveness
import Primitives
import Raft

/// Clients that read and write registers, and what they saw.
struct CoreClients {
    struct Operation {
        let client: Int
        let group: Int
        let key: Int
        let input: RegisterModel.Input
        let called: MonotonicInstant
        /// False once the client has an answer or has given up.
        var isOpen = true
        var output: RegisterModel.Output?
        var returned: MonotonicInstant?
        /// True once an instance has taken it: a refused proposal never takes effect.
        var wasTaken = false
        /// When it was first applied anywhere, which no client sees.
        var applied: MonotonicInstant?

        var isRead: Bool { if case .read = input { true } else { false } }
    }

    let count: Int
    var operations: [Operation] = []
    /// The operation that writes a value; every value is written once.
    var writers: [Int64: Int] = [:]
    var nextValue: Int64 = 1
    var answeredCount = 0
    /// What each client saw last of each register, to make conditions that are sometimes met.
    var lastSeen: [Int64?] = []

    init(count: Int) {
        self.count = count
    }

    /// What the clients saw.
    var history: History<RegisterModel> {
        history { $0.wasTaken ? ($0.output, $0.returned) : nil }
    }

    /// What happened, as an observer knows it who has seen the end: a write without an answer took
    /// effect before it was first applied anywhere, or never. It allows less than what the clients
    /// saw, and takes no search over all that may still come.
    var observedHistory: History<RegisterModel> {
        history { operation in
            if let returned = operation.returned { return (operation.output, returned) }
            return operation.applied.map { (nil, $0) }
        }
    }

    private func history(
        _ end: (Operation) -> (RegisterModel.Output?, MonotonicInstant?)?
    ) -> History<RegisterModel> {
        // Made once: there are few keys and many operations.
        var names: [[String]] = []
        return History(
            operations.compactMap { operation in
                guard let (output, returned) = end(operation) else { return nil }
                while names.count <= operation.group {
                    let group = names.count
                    names.append((0..<RegisterMachine.keyCount).map { "g\(group)/\($0)" })
                }
                return History.Operation(
                    client: operation.client, key: names[operation.group][operation.key],
                    input: operation.input, output: output, called: operation.called,
                    returned: returned)
            })
    }
}

extension CoreWorld {
    /// A client that has no answer after this takes the outcome as unknown and goes on.
    private static let patienceNanoseconds: Int64 = 3_000_000_000

    mutating func runClient(_ client: Int) {
        guard !areClientsResting else { return }
        let group = Int.random(in: 0..<parameters.groupCount, using: &random)
        let key = Int.random(in: 0..<RegisterMachine.keyCount, using: &random)
        guard let place = chooseNode(group) else { return rest(client) }
        let value = clients.nextValue
        clients.nextValue += 1
        let input: RegisterModel.Input
        switch random.next() % 8 {
        case 0...3: input = .read
        case 4...6: input = .write(value)
        default:
            let seen = nodes[place].replicas[group].machine.values[key]
            input = .compareAndSet(expected: seen, new: value)
        }
        let operation = clients.operations.count
        clients.operations.append(
            CoreClients.Operation(
                client: client, group: group, key: key, input: input,
                called: MonotonicInstant(nanoseconds: time)))
        heap.append(.timeout(operation: operation), at: time + Self.patienceNanoseconds)
        switch input {
        case .read: read(operation, place, group)
        case .write(let value):
            clients.writers[value] = operation
            propose(.write(key: key, value: value), operation, place, group)
        case .compareAndSet(let expected, let new):
            clients.writers[new] = operation
            propose(
                .compareAndSet(key: key, expected: expected, new: new), operation, place, group)
        }
    }

    /// A client that nobody waits for reads at this node, now.
    mutating func readLate(_ place: Int) {
        guard !nodes[place].replicas.isEmpty else { return }
        let group = Int.random(in: 0..<parameters.groupCount, using: &random)
        let key = Int.random(in: 0..<RegisterMachine.keyCount, using: &random)
        let operation = clients.operations.count
        clients.operations.append(
            CoreClients.Operation(
                client: clients.count, group: group, key: key, input: .read,
                called: MonotonicInstant(nanoseconds: time)))
        read(operation, place, group)
    }

    /// Mostly a node that serves the group; reads may go to any.
    private mutating func chooseNode(_ group: Int) -> Int? {
        let word = random.next()
        let wantsServing = word & 3 != 0
        let start = Int((word >> 8) % UInt64(nodes.count))
        var other: Int?
        for step in nodes.indices {
            let place = (start + step) % nodes.count
            guard nodes[place].isUp, !nodes[place].replicas.isEmpty else { continue }
            if !wantsServing || nodes[place].replicas[group].isServing { return place }
            if other == nil { other = place }
        }
        return other
    }

    private mutating func rest(_ client: Int) {
        guard client < clients.count else { return }
        let pause = Int64(random.next() % UInt64(max(1, parameters.thinkNanoseconds)))
        heap.insert(.client(client), at: time + 1000 + pause)
    }

    private mutating func read(_ operation: Int, _ place: Int, _ group: Int) {
        let id = nodes[place].replicas[group].nextReadID
        nodes[place].replicas[group].nextReadID += 1
        nodes[place].replicas[group].asked[id] = operation
        // So that a clock that ran backwards is noticed before a lease is counted on.
        runLiveness(place) { $0.onTick(now: $1, &$2) }
        run(place, group) { $0.read(id: id, $1, &$2) }
    }

    private mutating func propose(
        _ command: RegisterMachine.Command, _ operation: Int, _ place: Int, _ group: Int
    ) {
        var taken: LogIndex?
        var term: Term = 0
        run(place, group) { instance, moment, directives in
            term = instance.hardState.term
            do {
                taken = try instance.propose(
                    [command.encoded], expectedTerm: term, moment, &directives)
            } catch {
                taken = nil
            }
        }
        guard let taken else { return giveUp(operation) }
        clients.operations[operation].wasTaken = true
        guard !nodes[place].replicas.isEmpty else { return }
        // A group of one member may have applied it already; none in this world is.
        nodes[place].replicas[group].proposals[taken] = (term, operation)
    }

    // MARK: Answers

    mutating func answer(_ operation: Int, isMet: Bool) {
        guard clients.operations[operation].isOpen else { return }
        switch clients.operations[operation].input {
        case .read: return
        case .write: end(operation, .written)
        case .compareAndSet: end(operation, .swapped(isMet))
        }
    }

    mutating func answerReads(_ place: Int, _ group: Int) {
        guard !nodes[place].replicas[group].reads.isEmpty else { return }
        let applied = nodes[place].replicas[group].appliedIndex
        for read in nodes[place].replicas[group].reads where read.index <= applied {
            let key = clients.operations[read.operation].key
            end(read.operation, .value(nodes[place].replicas[group].machine.values[key]))
        }
        nodes[place].replicas[group].reads.removeAll { $0.index <= applied }
    }

    private mutating func end(_ operation: Int, _ output: RegisterModel.Output) {
        guard clients.operations[operation].isOpen else { return }
        clients.operations[operation].isOpen = false
        clients.operations[operation].wasTaken = true
        clients.operations[operation].output = output
        clients.operations[operation].returned = MonotonicInstant(nanoseconds: time)
        clients.answeredCount += 1
        rest(clients.operations[operation].client)
    }

    /// A command was applied somewhere for the first time.
    mutating func noteApplied(_ payload: [UInt8]) {
        guard let value = RegisterMachine.writtenValue(payload),
            let operation = clients.writers[value], clients.operations[operation].applied == nil
        else { return }
        clients.operations[operation].applied = MonotonicInstant(nanoseconds: time)
    }

    /// The client takes the outcome as unknown and goes on.
    mutating func giveUp(_ operation: Int) {
        guard clients.operations[operation].isOpen else { return }
        clients.operations[operation].isOpen = false
        rest(clients.operations[operation].client)
    }

    /// The replica answers nobody any more.
    mutating func abandon(_ place: Int, _ group: Int) {
        nodes[place].replicas[group].isServing = false
        let waiting = nodes[place].replicas[group].proposals
        nodes[place].replicas[group].proposals = [:]
        for (_, proposal) in waiting.sorted(by: { $0.key < $1.key }) { giveUp(proposal.operation) }
    }
}
