public import Primitives

/// The first topology of a cluster.
public struct Founding: Hashable, Sendable {
    /// By rising id.
    public let nodes: [NodeRecord]
    /// The replicas of each shard.
    public let shards: [[MemberID]]
    /// What they have to keep to, in the order of the shards' numbers.
    public let shardSets: [ShardSet]
    public let metaReplicas: [MemberID]
    /// How many replicas a shard shall have as the cluster grows.
    public let replicaCount: Int

    /// Spreads the shards over the nodes.
    ///
    /// - Precondition: 1 to `nodeCountMax` nodes with ids and names of their own, 1 to
    ///   `shardCountMax` shards, 1 to `replicaCountMax` replicas; each rule can be kept.
    public init(nodes: [NodeRecord], shardSets: [ShardSet], replicaCount: Int) {
        let shardCount = shardSets.reduce(0) { $0 + $1.shardCount }
        precondition((1...Topology.nodeCountMax).contains(nodes.count), "\(nodes.count) nodes")
        precondition((1...Topology.shardCountMax).contains(shardCount), "\(shardCount) shards")
        precondition((1...Topology.replicaCountMax).contains(replicaCount), "\(replicaCount)")
        let nodes = nodes.sorted { $0.id < $1.id }
        self.nodes = nodes
        self.replicaCount = replicaCount
        var places = Placement(nodes: nodes, shards: [])
        metaReplicas = places.choose(
            from: [],
            count: Topology.voterCount(
                wanted: Topology.metaReplicaCount, nodeCount: nodes.count), .anywhere)
        self.shardSets = shardSets
        var shards: [[MemberID]] = []
        for set in shardSets {
            let problem = set.rule.problem(among: nodes, wanted: replicaCount)
            precondition(problem == nil, "\(set.rule): \(problem!)")
            let count = set.rule.replicaCount(among: nodes, wanted: replicaCount)
            for _ in 0..<set.shardCount { shards.append(places.add(count: count, set.rule)) }
        }
        self.shards = shards
    }

    /// Spreads the shards over the nodes, which are all in one jurisdiction.
    ///
    /// - Precondition: as above, and that.
    public init(nodes: [NodeRecord], shardCount: Int, replicaCount: Int) {
        self.init(
            nodes: nodes, shardSets: Self.shardSets(of: nodes, count: shardCount),
            replicaCount: replicaCount)
    }

    private static func shardSets(of nodes: [NodeRecord], count: Int) -> [ShardSet] {
        let jurisdictions = Set(nodes.map(\.jurisdiction))
        precondition(jurisdictions.count == 1, "\(jurisdictions.count) jurisdictions")
        return [
            ShardSet(shardCount: count, rule: PlacementRule(jurisdiction: nodes[0].jurisdiction))
        ]
    }
}

extension Founding {
    /// With every node in every group.
    ///
    /// - Precondition: at most `replicaCountMax` nodes, all in one jurisdiction.
    public init(everywhere nodes: [NodeRecord], shardCount: Int, replicaCount: Int) {
        let all = nodes.map(\.id).sorted()
        self.nodes = nodes.sorted { $0.id < $1.id }
        self.replicaCount = replicaCount
        metaReplicas = all
        shards = Array(repeating: all, count: shardCount)
        shardSets = Self.shardSets(of: nodes, count: shardCount)
    }

    /// Tells apart where the groups begin: members that start from different ones must not talk.
    public var checksum: UInt32 {
        var writer = ByteWriter()
        writer.writeArray(shards) { $0.write(members: $1) }
        writer.writeArray(shardSets)
        writer.write(members: metaReplicas)
        return CRC32C.checksum(writer.bytes)
    }
}

/// Another place for a shard.
public struct ShardMove: Hashable, Sendable {
    /// A merchants' shard's or a link shard's.
    public let group: GroupID
    /// By rising id.
    public let replicas: [MemberID]

    public init(group: GroupID, replicas: [MemberID]) {
        self.group = group
        self.replicas = replicas
    }
}

/// A shard whose group has got to where it shall be, and the epoch of that.
public struct SettledShard: Hashable, Sendable {
    /// A merchants' shard's or a link shard's.
    public let group: GroupID
    public let epoch: UInt64

    public init(group: GroupID, epoch: UInt64) {
        self.group = group
        self.epoch = epoch
    }
}

/// What happened to the topology. The table at the head of `Topology.swift` has what each does.
public enum TopologyEvent: Hashable, Sendable {
    case founded(Founding)
    case joined(NodeRecord)
    case moved(MemberID, NodeProfile)
    case arrived(MemberID, token: UInt64)
    case stood(MemberID, NodeStanding)
    case placed([ShardMove], meta: [MemberID]?)
    case settled([SettledShard], metaEpoch: UInt64?)
    case departed(MemberID)
    case extended([LinkShard])
    case flagged(ClusterFlag, Bool?)
}

/// An event, and the epoch of the topology that it was decided on.
public struct TopologyChange: Hashable, Sendable {
    public let base: UInt64
    public let event: TopologyEvent

    public init(base: UInt64, event: TopologyEvent) {
        self.base = base
        self.event = event
    }
}

// MARK: - As bytes

extension Founding: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeArray(nodes)
        writer.writeArray(shards) { $0.write(members: $1) }
        writer.writeArray(shardSets)
        writer.write(members: metaReplicas)
        writer.writeVarint(UInt64(replicaCount))
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        nodes = try reader.readArray()
        shards = try reader.readArray { (reader) throws(DecodingError) in
            try reader.readMembers()
        }
        shardSets = try reader.readArray()
        metaReplicas = try reader.readMembers()
        replicaCount = try reader.readInteger(Int.self)
    }
}

extension ShardMove: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(group.rawValue))
        writer.write(members: replicas)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        group = GroupID(try reader.readInteger(UInt32.self))
        replicas = try reader.readMembers()
    }
}

extension SettledShard: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(group.rawValue))
        writer.writeVarint(epoch)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        group = GroupID(try reader.readInteger(UInt32.self))
        epoch = try reader.readVarint()
    }
}

extension TopologyChange: BinaryCodable {
    private static let version: UInt8 = 2

    private enum Tag {
        static let founded: UInt8 = 0
        static let joined: UInt8 = 1
        static let moved: UInt8 = 2
        static let stood: UInt8 = 3
        static let placed: UInt8 = 4
        static let settled: UInt8 = 5
        static let departed: UInt8 = 6
        static let arrived: UInt8 = 7
        static let extended: UInt8 = 8
        static let flagged: UInt8 = 9
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeVarint(base)
        switch event {
        case .founded(let founding):
            writer.write(Tag.founded)
            writer.write(founding)
        case .joined(let record):
            writer.write(Tag.joined)
            writer.write(record)
        case .moved(let id, let profile):
            writer.write(Tag.moved)
            writer.writeVarint(id.rawValue)
            writer.write(profile)
        case .arrived(let id, let token):
            writer.write(Tag.arrived)
            writer.writeVarint(id.rawValue)
            writer.writeFixed(token)
        case .stood(let id, let standing):
            writer.write(Tag.stood)
            writer.writeVarint(id.rawValue)
            writer.write(standing.rawValue)
        case .placed(let moves, let meta):
            writer.write(Tag.placed)
            writer.writeArray(moves)
            writer.writeOptional(meta) { $0.write(members: $1) }
        case .settled(let shards, let metaEpoch):
            writer.write(Tag.settled)
            writer.writeArray(shards)
            writer.writeOptional(metaEpoch) { $0.writeVarint($1) }
        case .departed(let id):
            writer.write(Tag.departed)
            writer.writeVarint(id.rawValue)
        case .extended(let shards):
            writer.write(Tag.extended)
            writer.writeArray(shards)
        case .flagged(let flag, let value):
            writer.write(Tag.flagged)
            writer.write(flag)
            writer.writeOptional(value) { $0.write($1) }
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
        base = try reader.readVarint()
        let tag = reader.offset
        switch try reader.readByte() {
        case Tag.founded:
            event = .founded(try reader.read())
        case Tag.joined:
            event = .joined(try reader.read())
        case Tag.moved:
            event = .moved(MemberID(try reader.readVarint()), try reader.read())
        case Tag.arrived:
            event = .arrived(
                MemberID(try reader.readVarint()), token: try reader.readFixed(UInt64.self))
        case Tag.stood:
            event = .stood(MemberID(try reader.readVarint()), try reader.readStanding())
        case Tag.placed:
            let moves: [ShardMove] = try reader.readArray()
            event = .placed(
                moves,
                meta: try reader.readOptional { (reader) throws(DecodingError) in
                    try reader.readMembers()
                })
        case Tag.settled:
            let shards: [SettledShard] = try reader.readArray()
            event = .settled(
                shards,
                metaEpoch: try reader.readOptional { (reader) throws(DecodingError) in
                    try reader.readVarint()
                })
        case Tag.departed:
            event = .departed(MemberID(try reader.readVarint()))
        case Tag.extended:
            event = .extended(try reader.readArray())
        case Tag.flagged:
            event = .flagged(try reader.read(), try reader.readOptionalBool())
        default:
            throw .invalid(what: "event of the topology", offset: tag)
        }
    }
}

extension ByteReader {
    mutating func readOptionalBool() throws(DecodingError) -> Bool? {
        try readOptional { (reader) throws(DecodingError) in try reader.readBool() }
    }
}
