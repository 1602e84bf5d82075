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
        /// Its place in the history of its group.
        let index: Int
        var isOpen = true
    }

    let count: Int
    var operations: [Operation] = []
    var history = History<RegisterModel>()
    var nextValue: Int64 = 1
    var answeredCount = 0
    /// What each client saw last of each register, to make conditions that are sometimes met.
    var lastSeen: [Int64?] = []

    init(count: Int) {
        self.count = count
    }
}

extension CoreWorld {
    /// A client that has no answer after this takes the outcome as unknown and goes on.
    private static let patienceNanoseconds: Int64 = 3_000_000_000

    func runClient(_ client: Int) {
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
        let index = clients.history.begin(
            client: client, key: "g\(group)/\(key)", input: input,
            at: MonotonicInstant(nanoseconds: time))
        let operation = clients.operations.count
        clients.operations.append(
            CoreClients.Operation(client: client, group: group, key: key, index: index))
        heap.insert(.timeout(operation: operation), at: time + Self.patienceNanoseconds)
        switch input {
        case .read: read(operation, place, group)
        case .write(let value):
            propose(.write(key: key, value: value), operation, place, group)
        case .compareAndSet(let expected, let new):
            propose(
                .compareAndSet(key: key, expected: expected, new: new), operation, place, group)
        }
    }

    /// Mostly a node that serves the group; reads may go to any.
    private func chooseNode(_ group: Int) -> Int? {
        let up = nodes.indices.filter { nodes[$0].isUp && !nodes[$0].replicas.isEmpty }
        let serving = up.filter { nodes[$0].replicas[group].isServing }
        if random.chance(1, in: 4) { return up.randomElement(using: &random) }
        return serving.randomElement(using: &random) ?? up.randomElement(using: &random)
    }

    private func rest(_ client: Int) {
        let pause = Int64(random.next() % UInt64(max(1, parameters.thinkNanoseconds)))
        heap.insert(.client(client), at: time + 1000 + pause)
    }

    private func read(_ operation: Int, _ place: Int, _ group: Int) {
        let id = nodes[place].replicas[group].nextReadID
        nodes[place].replicas[group].nextReadID += 1
        nodes[place].replicas[group].asked[id] = operation
        // So that a clock that ran backwards is noticed before a lease is counted on.
        runLiveness(place) { $0.onTick(now: $1, &$2) }
        run(place, group) { $0.read(id: id, $1, &$2) }
    }

    private func propose(
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
        guard !nodes[place].replicas.isEmpty else { return }
        // A group of one member may have applied it already; none in this world is.
        nodes[place].replicas[group].proposals[taken] = (term, operation)
    }

    // MARK: Answers

    func answer(_ operation: Int, isMet: Bool) {
        guard clients.operations[operation].isOpen else { return }
        let index = clients.operations[operation].index
        switch clients.history.operations[index].input {
        case .read: return
        case .write: end(operation, .written)
        case .compareAndSet: end(operation, .swapped(isMet))
        }
    }

    func answerReads(_ place: Int, _ group: Int) {
        let replica = nodes[place].replicas[group]
        guard !replica.reads.isEmpty else { return }
        for read in replica.reads where read.index <= replica.appliedIndex {
            let key = clients.operations[read.operation].key
            end(read.operation, .value(replica.machine.values[key]))
        }
        nodes[place].replicas[group].reads.removeAll { $0.index <= replica.appliedIndex }
    }

    private func end(_ operation: Int, _ output: RegisterModel.Output) {
        guard clients.operations[operation].isOpen else { return }
        clients.operations[operation].isOpen = false
        clients.answeredCount += 1
        clients.history.end(
            clients.operations[operation].index, output: output,
            at: MonotonicInstant(nanoseconds: time))
        rest(clients.operations[operation].client)
    }

    /// The client takes the outcome as unknown and goes on.
    func giveUp(_ operation: Int) {
        guard clients.operations[operation].isOpen else { return }
        clients.operations[operation].isOpen = false
        rest(clients.operations[operation].client)
    }

    /// The replica answers nobody any more.
    func abandon(_ place: Int, _ group: Int) {
        nodes[place].replicas[group].isServing = false
        let waiting = nodes[place].replicas[group].proposals
        nodes[place].replicas[group].proposals = [:]
        for (_, proposal) in waiting.sorted(by: { $0.key < $1.key }) { giveUp(proposal.operation) }
    }
}
