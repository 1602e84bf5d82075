import Primitives
import Raft

/// Three members whose messages arrive and whose disks write at once: for measuring and counting.
public struct InstanceTrio {
    private var instances: [Instance] = []
    private var pending: [(place: Int, directive: Directive)] = []
    private var directives: [Directive] = []
    public private(set) var messageCount = 0
    private let moment = Moment(now: MonotonicInstant(nanoseconds: 1_000_000_000))

    public init() {
        let members = (1...3).map { MemberID(UInt64($0)) }
        let configuration: Configuration
        do {
            configuration = try Configuration(voters: members)
        } catch {
            preconditionFailure("three members are no configuration: \(error)")
        }
        instances = members.map { member in
            Instance(
                cluster: ClusterID(1), group: GroupID(0), member: member,
                start: Instance.Start(configuration: configuration), seed: member.rawValue)
        }
        for place in instances.indices { run(place) { $0.onStart($1, &$2) } }
    }

    /// Makes the first member the leader, and lets it serve.
    public mutating func elect() {
        run(0) { $0.onTick(Moment(now: $1.now + .seconds(10)), &$2) }
        settle()
        precondition(instances[0].servingTerm != nil, "no leader was elected")
    }

    /// Proposes at the leader, and lets everybody commit and apply.
    public mutating func propose(_ payloads: [[UInt8]]) {
        run(0) { instance, moment, directives in
            let term = instance.hardState.term
            _ = try? instance.propose(payloads, expectedTerm: term, moment, &directives)
        }
        settle()
    }

    /// Lets every log go of what is applied.
    public mutating func compact() {
        for place in instances.indices {
            _ = instances[place].compact(through: instances[place].appliedIndex, moment)
        }
    }

    private mutating func run(
        _ place: Int, _ body: (inout Instance, Moment, inout [Directive]) -> Void
    ) {
        directives.removeAll(keepingCapacity: true)
        body(&instances[place], moment, &directives)
        for directive in directives { pending.append((place, directive)) }
    }

    private mutating func settle() {
        var next = 0
        while next < pending.count {
            let (place, directive) = pending[next]
            next += 1
            switch directive {
            case .persist(let token, _, _):
                run(place) { $0.onPersisted(token: token, $1, &$2) }
            case .send(let message):
                messageCount += 1
                run(Int(message.to.rawValue) - 1) { _ = $0.onMessage(message, $1, &$2) }
            case .commit(let index):
                run(place) { $0.onApplied(through: index, $1, &$2) }
            case .beginServing, .endServing, .leaderChanged, .configurationChanged, .readReady,
                .readFailed, .transferAborted, .prepareSnapshot, .readSnapshot, .storeSnapshot,
                .discardSnapshot, .installSnapshot:
                break
            }
        }
        pending.removeAll(keepingCapacity: true)
    }
}
