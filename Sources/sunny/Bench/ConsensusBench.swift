import CoreSimulator
import Primitives
import Raft

/// Consensus in memory, on one thread: three instances, and the seeded world.
struct ConsensusBench {
    struct Row {
        let name: String
        let perSecond: Double
        let unit: String
    }

    static let payloadByteCount = 256
    private static let entryCount = 400_000

    func run() -> [Row] {
        [
            replicate(batch: 1), replicate(batch: 64), elections(), world(),
        ]
    }

    private func seconds(_ body: () -> Void) -> Double {
        let begun = ContinuousClock.now
        body()
        return Double((ContinuousClock.now - begun).wholeNanoseconds) / 1e9
    }

    /// Entries that the leader has committed, when each proposal brings `batch` of them.
    private func replicate(batch: Int) -> Row {
        var trio = InstanceTrio()
        trio.elect()
        let payload = [UInt8](repeating: 7, count: Self.payloadByteCount)
        let payloads = [[UInt8]](repeating: payload, count: batch)
        let rounds = Self.entryCount / max(batch, 4) / (batch == 1 ? 4 : 1)
        let took = seconds {
            for round in 0..<rounds {
                trio.propose(payloads)
                if round % 16 == 15 { trio.compact() }
            }
        }
        return Row(
            name: "replicate \(Self.payloadByteCount) bytes, \(batch) a proposal",
            perSecond: Double(rounds * batch) / took, unit: "entries")
    }

    private func elections() -> Row {
        let rounds = 5_000
        let took = seconds {
            for _ in 0..<rounds {
                var trio = InstanceTrio()
                trio.elect()
            }
        }
        return Row(
            name: "elect a leader of three", perSecond: Double(rounds) / took, unit: "elections")
    }

    private func world() -> Row {
        var eventCount: UInt64 = 0
        let took = seconds {
            for seed in UInt64(1)...40 {
                eventCount += CoreScenario.run(seed: seed).eventCount
            }
        }
        return Row(
            name: "seeded world, all checks on", perSecond: Double(eventCount) / took,
            unit: "events")
    }
}

/// Three members whose messages arrive and whose disks write at once.
struct InstanceTrio {
    private var instances: [Instance] = []
    private var pending: [(place: Int, directive: Directive)] = []
    private var directives: [Directive] = []
    private(set) var messageCount = 0
    private let moment = Moment(now: MonotonicInstant(nanoseconds: 1_000_000_000))

    init() {
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

    mutating func elect() {
        run(0) { $0.onTick(Moment(now: $1.now + .seconds(10)), &$2) }
        settle()
        precondition(instances[0].servingTerm != nil, "no leader was elected")
    }

    mutating func propose(_ payloads: [[UInt8]]) {
        run(0) { instance, moment, directives in
            let term = instance.hardState.term
            _ = try? instance.propose(payloads, expectedTerm: term, moment, &directives)
        }
        settle()
    }

    mutating func compact() {
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
