public import Primitives

// Besides the merchants' shards, each region has a link shard: a group that owns the region's links
// to processors. It is placed as the others are, in the region's jurisdiction and at home in the
// region, and its leader should be there, near the processors.
//
//   merchants' shards   0, 1, 2, …             fixed when the cluster begins
//   link shards         65536, 65537, …        one more when a region gets its first node
//
// A link shard is never taken away: what its region has begun has to be brought to an end, by other
// nodes of the jurisdiction if need be, and the region may come back.

/// The group that owns a region's links to processors.
public struct LinkShard: Hashable, Sendable {
    public let region: String
    /// The region's, when it got its link shard.
    public let jurisdiction: String
    /// Where the group's log begins.
    public let founders: [MemberID]
    public internal(set) var place: ShardPlacement

    /// The group begins on `founders`, by rising id.
    public init(region: String, jurisdiction: String, founders: [MemberID]) {
        self.region = region
        self.jurisdiction = jurisdiction
        self.founders = founders
        place = ShardPlacement(replicas: founders, epoch: 1, isSettled: true)
    }

    public var rule: PlacementRule { PlacementRule(jurisdiction: jurisdiction, home: region) }

    /// The first link shard's group: far above the merchants'.
    static let firstGroup: UInt32 = 1 << 16
    /// More regions than nodes, for those that have come and gone.
    public static let countMax = 64
}

extension Topology {
    /// The group of a region's link shard; nil where the region has none (yet).
    public func linkGroup(of region: String) -> GroupID? {
        linkShards.firstIndex { $0.region == region }.map(Self.linkGroup)
    }

    /// The link shard whose group this is.
    public func linkShard(_ group: GroupID) -> LinkShard? {
        let (number, isBelow) = group.rawValue.subtractingReportingOverflow(LinkShard.firstGroup)
        guard !isBelow, let number = Int(exactly: number), linkShards.indices.contains(number)
        else { return nil }
        return linkShards[number]
    }

    /// The group of the link shard with this number.
    public static func linkGroup(_ number: Int) -> GroupID {
        GroupID(LinkShard.firstGroup + UInt32(number))
    }

    /// The groups that link shards can have, whether or not there are so many.
    public static let linkGroupsMax = (0..<LinkShard.countMax).map(linkGroup)

    /// The groups of all link shards, the oldest first.
    public var linkGroups: [GroupID] { linkShards.indices.map(Self.linkGroup) }

    /// The groups that the topology places, but the meta group: the merchants' shards, then the
    /// link shards.
    public var shardGroups: [GroupID] {
        shards.indices.map { GroupID(UInt32($0)) } + linkGroups
    }

    /// Where a merchants' shard or a link shard shall be.
    public func placement(of group: GroupID) -> ShardPlacement? {
        if let number = shardNumber(group) { return shards[number] }
        return linkShard(group)?.place
    }

    /// The merchants' shards and link shards that have settled on other members than this one.
    public func groups(settledWithout member: MemberID) -> Set<GroupID> {
        Set(
            shardGroups.filter { group in
                placement(of: group).map { $0.isSettled && !$0.replicas.contains(member) } ?? false
            })
    }

    /// What the places of a merchants' shard or a link shard have to keep to.
    public func rule(of group: GroupID) -> PlacementRule? {
        if let shard = linkShard(group) { return shard.rule }
        guard var number = shardNumber(group) else { return nil }
        for set in shardSets {
            if number < set.shardCount { return set.rule }
            number -= set.shardCount
        }
        return nil
    }

    /// The number of a merchants' shard.
    public func shardNumber(_ group: GroupID) -> Int? {
        Int(exactly: group.rawValue).flatMap { shards.indices.contains($0) ? $0 : nil }
    }

    mutating func changePlacement(
        of group: GroupID, _ body: (inout ShardPlacement) -> Void
    ) -> Bool {
        if let number = shardNumber(group) {
            body(&shards[number])
            return true
        }
        guard linkShard(group) != nil else { return false }
        body(&linkShards[Int(group.rawValue - LinkShard.firstGroup)].place)
        return true
    }

    /// Regions that have an active node and no link shard, in the order of their nodes' ids.
    var regionsWithoutLinkShard: [(name: String, jurisdiction: String)] {
        var found: [(name: String, jurisdiction: String)] = []
        for node in nodes where node.standing == .active && linkGroup(of: node.region) == nil {
            guard !found.contains(where: { $0.name == node.region }) else { continue }
            found.append((node.region, node.jurisdiction))
        }
        return found
    }
}

// MARK: - As bytes

extension LinkShard: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(region)
        writer.write(jurisdiction)
        writer.write(members: founders)
        writer.write(place)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        region = try reader.readString()
        jurisdiction = try reader.readString()
        founders = try reader.readMembers()
        place = try reader.read()
    }
}
