import Primitives
import Raft
import Testing

/// A group of three whose messages arrive and whose disks write at once, on nodes that support each
/// other.
private struct BoundGroup {
    private var instances: [Instance]
    private let support: [SupportTable]
    private var now = MonotonicInstant(nanoseconds: 1_000_000_000)
    private var directives: [Directive] = []
    private(set) var sentCount = 0

    init(_ group: GroupID) throws {
        let members = (1...3).map { MemberID(UInt64($0)) }
        let configuration = try Configuration(voters: members)
        support = members.map { own in
            var table = SupportTable()
            for peer in members where peer != own {
                table.setGiven(1, to: peer)
                table.setReceived(
                    SupportTable.Received(epoch: 1, until: MonotonicInstant(nanoseconds: .max)),
                    from: peer)
            }
            return table
        }
        instances = members.map { member in
            Instance(
                cluster: ClusterID(1), group: group, member: member,
                start: Instance.Start(configuration: configuration), seed: member.rawValue)
        }
        for place in 0..<3 { run(place) { $0.onStart($1, &$2) } }
    }

    var servingCount: Int { instances.count { $0.servingTerm != nil } }
    /// Members that wait for a time.
    var waitingCount: Int { instances.count { $0.nextDeadline != nil } }

    mutating func advance(_ duration: Duration) {
        now = now + duration
        for place in 0..<3 { run(place) { $0.onTick($1, &$2) } }
    }

    private mutating func run(
        _ place: Int, _ event: (inout Instance, Moment, inout [Directive]) -> Void
    ) {
        var pending: [(place: Int, directive: Directive)] = []
        func take(_ place: Int) {
            pending += directives.map { (place, $0) }
            directives.removeAll(keepingCapacity: true)
        }
        event(&instances[place], Moment(now: now, support: support[place]), &directives)
        take(place)
        var next = 0
        while next < pending.count {
            let (place, directive) = pending[next]
            next += 1
            var target = place
            if case .send(let message) = directive { target = Int(message.to.rawValue) - 1 }
            let moment = Moment(now: now, support: support[target])
            switch directive {
            case .persist(let token, _, _):
                instances[target].onPersisted(token: token, moment, &directives)
            case .send(let message):
                sentCount += 1
                _ = instances[target].onMessage(message, moment, &directives)
            case .commit(let index):
                instances[target].onApplied(through: index, moment, &directives)
            default: break
            }
            take(target)
        }
    }
}

@Suite("idle groups")
struct IdleGroupTests {
    @Test("ten thousand groups send nothing and wait for nothing once their members are bound")
    func silence() throws {
        var groups = try (0..<10_000).map { try BoundGroup(GroupID(UInt32($0))) }
        for place in groups.indices {
            // An election, and the heartbeats that ask for promises.
            for _ in 0..<10 { groups[place].advance(.seconds(1)) }
        }
        #expect(groups.allSatisfy { $0.servingCount == 1 })
        #expect(groups.allSatisfy { $0.waitingCount == 0 })
        let before = groups.reduce(0) { $0 + $1.sentCount }
        #expect(before > 10_000)
        for place in groups.indices { groups[place].advance(.seconds(3600)) }
        #expect(groups.reduce(0) { $0 + $1.sentCount } == before)
        #expect(groups.allSatisfy { $0.servingCount == 1 && $0.waitingCount == 0 })
    }
}
