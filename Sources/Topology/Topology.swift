public import Primitives

// Which nodes there are and which of them hold what: the state of the meta group, of which every
// node has a copy.
//
//   event         from                       to
//   ------------  -------------------------  ---------------------------------------------------
//   founded       nothing                    the first nodes, and where the shards begin
//   joined        a name that is new         one node more
//                 a name that is in use      its disk is gone: the new id takes its places, the
//                                            old one has departed
//   moved         a node                     its address or zone is another
//   arrived       a founder                  its data folder has said what tells it from others
//   stood         a node                     active, draining or leaving (Node.swift)
//   placed        shards                     their replicas shall be others; an epoch each
//   settled       shards, at their epochs    their groups are as they shall be
//   departed      a leaving node without     it has departed
//                 replicas
//   flagged       a switch                   it is on, off, or as it is by default
//   extended      regions without a link     they have one (LinkShard.swift)
//                 shard
//
// An event names the epoch of the topology that it was decided on, and counts only there: two
// leaders cannot decide past each other. The topology says what shall be. What is, the groups'
// own configurations say: each leader leads its group there step by step (Cluster).

/// Where a shard's replicas shall be.
public struct ShardPlacement: Hashable, Sendable {
    /// Who votes in the group, by rising id.
    public internal(set) var replicas: [MemberID]
    /// Counts the changes.
    public internal(set) var epoch: UInt64
    /// Whether the group has got there.
    public internal(set) var isSettled: Bool

    public init(replicas: [MemberID], epoch: UInt64, isSettled: Bool) {
        self.replicas = replicas
        self.epoch = epoch
        self.isSettled = isSettled
    }
}

/// The nodes of a cluster and the places of its shards.
public struct Topology: Hashable, Sendable {
    /// Counts the events; 0 before the cluster is founded.
    public internal(set) var epoch: UInt64 = 0
    /// How it began: where the log of every group starts from; nil before.
    public internal(set) var founding: Founding?
    /// By rising id.
    public internal(set) var nodes: [NodeRecord] = []
    /// The last ones that were removed or replaced, the latest at the end.
    public internal(set) var departed: [DepartedNode] = []
    /// By number.
    public internal(set) var shards: [ShardPlacement] = []
    /// What their places have to keep to, in the order of the shards' numbers.
    public internal(set) var shardSets: [ShardSet] = []
    /// One a region, the oldest first.
    public internal(set) var linkShards: [LinkShard] = []
    /// Who shall vote in the meta group; all others listen.
    public internal(set) var meta = ShardPlacement(replicas: [], epoch: 0, isSettled: true)
    /// Switches that somebody has set, by rising number.
    public internal(set) var flags: [FlagSetting] = []
    /// How many replicas a shard shall have, as far as there are nodes.
    public internal(set) var replicaCount = 0
    /// The next id to be given.
    public internal(set) var nextMember: UInt64 = 1

    public init() {}

    /// A group has at most so many members, and every node is one of the meta group.
    public static let nodeCountMax = 16
    /// An answer to whoever comes back late: older ones are told that nobody knows them.
    public static let departedCountMax = 64
    /// As many as a node can hold.
    public static let shardCountMax = 1024
    /// Voters of one group: with more, every commit waits for more disks and gains nothing.
    public static let replicaCountMax = 7
    /// No count of events comes near.
    static let epochMax: UInt64 = 1 << 62
    /// Voters of the meta group: it outlives two of them.
    public static let metaReplicaCount = 5

    public var isFounded: Bool { founding != nil }

    public subscript(id: MemberID) -> NodeRecord? { nodes.first { $0.id == id } }

    public func node(called name: String) -> NodeRecord? { nodes.first { $0.name == name } }

    public func departed(_ id: MemberID) -> DepartedNode? {
        departed.last { $0.id == id }
    }

    /// How many shards shall have a replica on the node.
    public func replicaCount(on member: MemberID) -> Int {
        shards.count { $0.replicas.contains(member) }
    }

    /// How many replicas a group has when `nodeCount` nodes can have them: an odd number, as one
    /// more would have to agree and could not be lost.
    static func voterCount(wanted: Int, nodeCount: Int) -> Int {
        let count = min(wanted, nodeCount)
        return count.isMultiple(of: 2) ? count - 1 : count
    }
}

// MARK: - Evolving

extension Topology {
    /// Takes an event that was decided on this very topology; nothing changes, and false comes
    /// back, when it was decided on another, or says what cannot be.
    public mutating func apply(_ change: TopologyChange) -> Bool {
        guard change.base == epoch else { return false }
        var next = self
        guard next.evolve(change.event), next.isSound else { return false }
        next.epoch += 1
        self = next
        return true
    }

    private mutating func evolve(_ event: TopologyEvent) -> Bool {
        switch event {
        case .founded(let founding):
            return found(founding)
        case .joined(let record):
            return join(record)
        case .moved(let id, let profile):
            return change(id) { $0.profile = profile }
        case .arrived(let id, let token):
            guard self[id]?.token == 0 else { return false }
            return change(id) { $0.token = token }
        case .stood(let id, let standing):
            return change(id) { $0.standing = standing }
        case .placed(let places, let metaReplicas):
            return place(places, metaReplicas)
        case .settled(let places, let metaEpoch):
            return settle(places, metaEpoch)
        case .departed(let id):
            guard let node = self[id] else { return false }
            depart(node, successor: nil)
            return !holdsReplicas(id)
        case .flagged(let flag, let value):
            set(flag, value)
            return isFounded
        case .extended(let shards):
            guard isFounded, shards.allSatisfy({ linkGroup(of: $0.region) == nil }) else {
                return false
            }
            linkShards += shards.map {
                LinkShard(
                    region: $0.region, jurisdiction: $0.jurisdiction, founders: $0.founders)
            }
            return true
        }
    }

    private mutating func found(_ founding: Founding) -> Bool {
        guard !isFounded else { return false }
        self.founding = founding
        nodes = founding.nodes
        shards = founding.shards.map { ShardPlacement(replicas: $0, epoch: 1, isSettled: true) }
        shardSets = founding.shardSets
        meta = ShardPlacement(replicas: founding.metaReplicas, epoch: 1, isSettled: true)
        replicaCount = founding.replicaCount
        guard let last = nodes.last?.id.rawValue, last < .max else { return false }
        nextMember = last + 1
        return true
    }

    private mutating func join(_ record: NodeRecord) -> Bool {
        guard isFounded, record.id.rawValue == nextMember, nextMember < .max else { return false }
        nextMember += 1
        if let old = node(called: record.name) {
            depart(old, successor: record.id)
            for group in shardGroups {
                _ = changePlacement(of: group) { $0.replace(old.id, by: record.id) }
            }
            meta.replace(old.id, by: record.id)
        }
        nodes.append(record)
        return true
    }

    private mutating func change(_ id: MemberID, _ body: (inout NodeRecord) -> Void) -> Bool {
        guard let index = nodes.firstIndex(where: { $0.id == id }) else { return false }
        body(&nodes[index])
        return true
    }

    private mutating func place(_ places: [ShardMove], _ metaReplicas: [MemberID]?) -> Bool {
        for place in places {
            guard changePlacement(of: place.group, { $0.move(to: place.replicas) }) else {
                return false
            }
        }
        if let metaReplicas { meta.move(to: metaReplicas) }
        return true
    }

    private mutating func settle(_ places: [SettledShard], _ metaEpoch: UInt64?) -> Bool {
        for place in places {
            guard placement(of: place.group)?.epoch == place.epoch,
                changePlacement(of: place.group, { $0.isSettled = true })
            else { return false }
        }
        if let metaEpoch {
            guard meta.epoch == metaEpoch else { return false }
            meta.isSettled = true
        }
        return true
    }

    private mutating func depart(_ node: NodeRecord, successor: MemberID?) {
        nodes.removeAll { $0.id == node.id }
        departed.append(DepartedNode(id: node.id, name: node.name, successor: successor))
        departed.removeFirst(max(0, departed.count - Self.departedCountMax))
    }

    /// Whether every group has got to where it shall be.
    public var isSettled: Bool {
        meta.isSettled && shards.allSatisfy(\.isSettled) && linkShards.allSatisfy(\.place.isSettled)
    }

    /// Whether a group shall have a replica on the node, or may have one still.
    public func holdsReplicas(_ id: MemberID) -> Bool {
        meta.replicas.contains(id) || !meta.isSettled
            || shards.contains { $0.replicas.contains(id) || !$0.isSettled }
            || linkShards.contains { $0.place.replicas.contains(id) || !$0.place.isSettled }
    }

    /// What holds in every topology that is founded.
    private var isSound: Bool {
        let ids = nodes.map(\.id)
        let isOrdered = zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }
        let placements = shards + linkShards.map(\.place) + [meta]
        return isOrdered && (1...Self.nodeCountMax).contains(nodes.count)
            && epoch < Self.epochMax
            && Set(nodes.map(\.name)).count == nodes.count
            && nodes.allSatisfy { $0.id.rawValue < nextMember && $0.profile.isSound }
            && (1...Self.shardCountMax).contains(shards.count)
            && (1...Self.replicaCountMax).contains(replicaCount)
            && linkShards.count <= LinkShard.countMax
            && linkShards.allSatisfy { (1...Self.replicaCountMax).contains($0.founders.count) }
            && Set(linkShards.map(\.region)).count == linkShards.count
            && shardSets.count <= shards.count
            && shardSets.reduce(0) { $0 + $1.shardCount } == shards.count
            && zip(flags, flags.dropFirst()).allSatisfy { $0.flag.rawValue < $1.flag.rawValue }
            && keepsJurisdictions
            && placements.allSatisfy { placement in
                let replicas = placement.replicas
                guard placement.epoch < Self.epochMax else { return false }
                return !replicas.isEmpty && replicas.count <= Self.replicaCountMax
                    && zip(replicas, replicas.dropFirst()).allSatisfy { $0 < $1 }
                    && replicas.allSatisfy { ids.contains($0) }
            }
    }

    /// Whether each replica is in the jurisdiction of its shard.
    private var keepsJurisdictions: Bool {
        let jurisdictions = Dictionary(
            nodes.map { ($0.id, $0.jurisdiction) }, uniquingKeysWith: { first, _ in first })
        func keep(_ replicas: [MemberID], _ rule: PlacementRule) -> Bool {
            rule.jurisdiction == nil
                || replicas.allSatisfy { jurisdictions[$0] == rule.jurisdiction }
        }
        var rest = shards[...]
        for set in shardSets {
            for shard in rest.prefix(set.shardCount) where !keep(shard.replicas, set.rule) {
                return false
            }
            rest = rest.dropFirst(set.shardCount)
        }
        return linkShards.allSatisfy { keep($0.place.replicas, $0.rule) }
    }
}

extension ShardPlacement {
    fileprivate mutating func move(to members: [MemberID]) {
        replicas = members
        epoch += 1
        isSettled = false
    }

    fileprivate mutating func replace(_ old: MemberID, by new: MemberID) {
        guard replicas.contains(old) else { return }
        move(to: (replicas.filter { $0 != old } + [new]).sorted())
    }
}

// MARK: - As bytes

extension ShardPlacement: BinaryCodable {
    /// Neither is a small number: four shards of one node would be the digits of a test card, and
    /// whoever looks for card numbers in files would find one.
    private enum Mark {
        static let open: UInt8 = 0xC0
        static let settled: UInt8 = 0xC1
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(members: replicas)
        writer.write(isSettled ? Mark.settled : Mark.open)
        writer.writeVarint(epoch)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        replicas = try reader.readMembers()
        let start = reader.offset
        switch try reader.readByte() {
        case Mark.open: isSettled = false
        case Mark.settled: isSettled = true
        default: throw .invalid(what: "placement", offset: start)
        }
        epoch = try reader.readVarint()
    }
}

extension Topology: BinaryCodable {
    private static let version: UInt8 = 2

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeVarint(epoch)
        writer.writeOptional(founding)
        writer.writeArray(nodes)
        writer.writeArray(departed)
        writer.writeArray(shards)
        writer.writeArray(shardSets)
        writer.writeArray(linkShards)
        writer.write(meta)
        writer.writeVarint(UInt64(replicaCount))
        writer.writeVarint(nextMember)
        writer.writeArray(flags)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
        epoch = try reader.readVarint()
        founding = try reader.readOptional()
        nodes = try reader.readArray()
        departed = try reader.readArray()
        shards = try reader.readArray()
        shardSets = try reader.readArray()
        linkShards = try reader.readArray()
        meta = try reader.read()
        replicaCount = try reader.readInteger(Int.self)
        nextMember = try reader.readVarint()
        flags = try reader.readArray()
        guard isFounded ? isSound : self == Topology() else {
            throw .invalid(what: "topology", offset: start)
        }
    }
}
