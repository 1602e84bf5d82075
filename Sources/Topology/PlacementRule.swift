public import Primitives

// What the places of a shard's replicas have to keep to.
//
//   jurisdiction   a replica is nowhere else, whatever fails
//   survival       no zone, or no region, has so many of the replicas that they are lost with it
//   home           the leader's region: one replica at least is there; all of them, where only a
//                  zone has to be survived, so that a commit waits for no other region
//
// The first is never broken. The others say what is chosen first, and a rule that its nodes cannot
// keep is refused before the cluster begins.

/// What may fail as a whole without a shard being lost.
public enum SurvivalGoal: UInt8, Hashable, Sendable, CaseIterable {
    case zone = 1
    case region = 2
}

extension SurvivalGoal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .zone: "zone"
        case .region: "region"
        }
    }
}

/// Where the replicas of a shard may be, and where they should be.
public struct PlacementRule: Hashable, Sendable {
    /// Nil for what may be anywhere: the meta group, which has nobody's cards.
    public let jurisdiction: String?
    /// The region where the leader should be.
    public let home: String?
    /// Nil where nothing is promised: replicas are spread as widely as they can be.
    public let survival: SurvivalGoal?

    public init(jurisdiction: String?, home: String? = nil, survival: SurvivalGoal? = nil) {
        self.jurisdiction = jurisdiction
        self.home = home
        self.survival = survival
    }

    /// No rule.
    public static let anywhere = PlacementRule(jurisdiction: nil)

    func admits(_ node: NodeRecord) -> Bool {
        jurisdiction == nil || jurisdiction == node.jurisdiction
    }
}

/// Shards of one rule, whose numbers follow each other.
public struct ShardSet: Hashable, Sendable {
    public let shardCount: Int
    public let rule: PlacementRule

    public init(shardCount: Int, rule: PlacementRule) {
        self.shardCount = shardCount
        self.rule = rule
    }
}

/// Why no nodes of a cluster can keep a rule. Each says what could be done about it.
public enum PlacementProblem: Error, Hashable, Sendable {
    /// No node is in the jurisdiction.
    case noNodes
    /// The home region is not one of the jurisdiction's.
    case homeIsElsewhere
    /// A zone or a region cannot be lost: so many of them have nodes, or too few nodes.
    case cannotSurvive(SurvivalGoal, found: Int)
}

extension PlacementRule {
    /// What keeps `nodes` from keeping the rule, with at most `wanted` replicas a shard; nil when
    /// they can.
    public func problem(among nodes: [NodeRecord], wanted: Int) -> PlacementProblem? {
        let able = nodes.filter { admits($0) }
        guard !able.isEmpty else { return .noNodes }
        if let home, !able.contains(where: { $0.region == home }) { return .homeIsElsewhere }
        guard let survival, !keepsGoal(among: able, wanted: wanted) else { return nil }
        return .cannotSurvive(survival, found: domains(of: able).count)
    }

    /// How many replicas a shard shall have: an odd number, as one more would have to agree and
    /// could not be lost; and so many that the goal is kept, if it can be.
    func replicaCount(among nodes: [NodeRecord], wanted: Int) -> Int {
        let able = nodes.filter { admits($0) }
        let most = Topology.voterCount(wanted: wanted, nodeCount: able.count)
        guard survival != nil else { return most }
        return stride(from: most, to: 1, by: -2).first { canKeep(count: $0, able) } ?? most
    }

    /// Whether the nodes can hold replicas so that the goal is kept; true where there is none.
    func keepsGoal(among nodes: [NodeRecord], wanted: Int) -> Bool {
        guard survival != nil else { return true }
        let count = replicaCount(among: nodes, wanted: wanted)
        return count > 1 && canKeep(count: count, nodes.filter { admits($0) })
    }

    /// A domain that fails takes no more than a minority with it.
    private func canKeep(count: Int, _ nodes: [NodeRecord]) -> Bool {
        let each = Self.lostCountMax(of: count)
        return domains(of: nodes).values.reduce(0) { $0 + min($1, each) } >= count
    }

    /// How many of `count` replicas may be lost.
    static func lostCountMax(of count: Int) -> Int { (count - 1) / 2 }

    /// What fails together, and how many of the nodes are in each.
    private func domains(of nodes: [NodeRecord]) -> [FailureDomain: Int] {
        nodes.reduce(into: [:]) { $0[domain(of: $1), default: 0] += 1 }
    }

    func domain(of node: NodeRecord) -> FailureDomain {
        FailureDomain(region: node.region, zone: survival == .zone ? node.zone : "")
    }
}

/// A zone, or a region.
struct FailureDomain: Hashable, Sendable {
    let region: String
    let zone: String
}

// MARK: - As bytes

extension PlacementRule: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeOptional(jurisdiction)
        writer.writeOptional(home)
        writer.write(survival?.rawValue ?? 0)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        jurisdiction = try reader.readOptionalString()
        home = try reader.readOptionalString()
        let goal = try reader.readByte()
        survival = SurvivalGoal(rawValue: goal)
        guard survival != nil || goal == 0 else { throw .invalid(what: "rule", offset: start) }
    }
}

extension ShardSet: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(shardCount))
        writer.write(rule)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        shardCount = try reader.readInteger(Int.self)
        rule = try reader.read()
        guard (1...Topology.shardCountMax).contains(shardCount) else {
            throw .invalid(what: "shards of a rule", offset: start)
        }
    }
}
