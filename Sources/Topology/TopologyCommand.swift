public import Primitives

// What is asked of the topology, and what comes of it.
//
//   command   refused when                                        event
//   --------  --------------------------------------------------  ---------------------------
//   join      not founded, other shards, no room, unsound name,   joined; none when the token
//             another jurisdiction than its region's              is known: told again
//   move      no such node                                        moved; none when it is there
//   arrive    no such node, another folder has arrived            arrived; none when it has
//   drain     no such node, it is leaving                         stood draining
//   resume    no such node, it is leaving                         stood active
//   leave     no such node, too few would be left, or too few     stood leaving
//             for what shards have to survive
//   settle    never                                               settled, of what is current
//   set       never                                               flagged; none when it is so
//
// Each may be asked again: what is done already is answered, and not done twice.

/// A request to change the topology.
public enum TopologyCommand: Hashable, Sendable {
    /// A node with an empty folder asks for an id, and brings its drawn token.
    case join(NodeProfile, token: UInt64, shardCount: Int)
    /// A node says where it is now.
    case move(MemberID, NodeProfile)
    /// A founder's data folder says which it is.
    case arrive(MemberID, token: UInt64)
    case drain(name: String)
    case resume(name: String)
    /// The node's replicas shall go elsewhere. `allowsFewer`: also when the shards then have fewer.
    case leave(name: String, allowsFewer: Bool)
    /// Groups have got to where they shall be.
    case settle([SettledShard], metaEpoch: UInt64?)
    /// A switch shall be on or off, or as it is by default.
    case set(ClusterFlag, Bool?)
}

/// Why a request was refused. Each says what could be done about it.
public enum TopologyRefusal: Error, Hashable, Sendable {
    case notFounded
    /// The node was configured for another number of shards than the cluster has.
    case shardCount(Int)
    /// The cluster has as many nodes as it can have.
    case full
    case unsoundProfile
    case noSuchNode
    case isLeaving
    /// The shards would have fewer replicas than now: so many nodes have to stay.
    case tooFewLeft(needed: Int)
    /// Shards would not survive any more what they have to.
    case goalWouldBeLost(SurvivalGoal)
    /// The region, or the node of this name, is in another jurisdiction.
    case otherJurisdiction(String)
    /// The cluster has had as many regions as it can have.
    case tooManyRegions
}

/// What came of a request that was not refused.
public enum TopologyDecision: Hashable, Sendable {
    case change(TopologyEvent)
    /// It is so already.
    case done
}

extension Topology {
    /// Decides what a command leads to.
    public func decide(
        _ command: TopologyCommand
    ) -> Result<TopologyDecision, TopologyRefusal> {
        guard isFounded else { return .failure(.notFounded) }
        switch command {
        case .join(let profile, let token, let shardCount):
            return decideJoin(profile, token, shardCount)
        case .move(let id, let profile):
            guard let node = self[id] else { return .failure(.noSuchNode) }
            guard profile.isSound, profile.name == node.name, profile.region == node.region,
                profile.jurisdiction == node.jurisdiction
            else {
                return .failure(.unsoundProfile)
            }
            return .success(profile == node.profile ? .done : .change(.moved(id, profile)))
        case .arrive(let id, let token):
            guard let node = self[id], token != 0 else { return .failure(.noSuchNode) }
            if node.token == token { return .success(.done) }
            return node.token == 0
                ? .success(.change(.arrived(id, token: token))) : .failure(.noSuchNode)
        case .drain(let name):
            return decideStanding(of: name, .draining)
        case .resume(let name):
            return decideStanding(of: name, .active)
        case .leave(let name, let allowsFewer):
            return decideLeave(name, allowsFewer)
        case .settle(let shards, let metaEpoch):
            return .success(decideSettled(shards, metaEpoch))
        case .set(let flag, let value):
            return .success(setting(of: flag) == value ? .done : .change(.flagged(flag, value)))
        }
    }

    private func decideJoin(
        _ profile: NodeProfile, _ token: UInt64, _ shardCount: Int
    ) -> Result<TopologyDecision, TopologyRefusal> {
        guard profile.isSound else { return .failure(.unsoundProfile) }
        guard shardCount == shards.count else { return .failure(.shardCount(shards.count)) }
        if let refusal = refusal(ofPlaceOf: profile) { return .failure(refusal) }
        let old = node(called: profile.name)
        if let old, old.token == token, token != 0 { return .success(.done) }
        guard old != nil || nodes.count < Self.nodeCountMax else { return .failure(.full) }
        let record = NodeRecord(id: MemberID(nextMember), profile: profile, token: token)
        return .success(.change(.joined(record)))
    }

    /// A region is in one jurisdiction, and so is a name: its places go to whoever comes under it.
    private func refusal(ofPlaceOf profile: NodeProfile) -> TopologyRefusal? {
        let others = nodes.filter { $0.name == profile.name || $0.region == profile.region }
        let shard = linkShards.first { $0.region == profile.region }
        let known = others.map(\.jurisdiction) + (shard.map { [$0.jurisdiction] } ?? [])
        if let other = known.first(where: { $0 != profile.jurisdiction }) {
            return .otherJurisdiction(other)
        }
        let waiting = Set(nodes.map(\.region)).count { linkGroup(of: $0) == nil }
        let isNew = !nodes.contains { $0.region == profile.region } && shard == nil
        return isNew && linkShards.count + waiting >= LinkShard.countMax ? .tooManyRegions : nil
    }

    private func decideStanding(
        of name: String, _ standing: NodeStanding
    ) -> Result<TopologyDecision, TopologyRefusal> {
        guard let node = node(called: name) else { return .failure(.noSuchNode) }
        guard node.standing != .leaving else { return .failure(.isLeaving) }
        guard node.standing != standing else { return .success(.done) }
        return .success(.change(.stood(node.id, standing)))
    }

    private func decideLeave(
        _ name: String, _ allowsFewer: Bool
    ) -> Result<TopologyDecision, TopologyRefusal> {
        guard let node = node(called: name) else { return .failure(.noSuchNode) }
        guard node.standing != .leaving else { return .success(.done) }
        let staying = nodes.filter { $0.standing != .leaving }
        let left = staying.filter { $0.id != node.id }
        for group in shardGroups {
            guard let shard = placement(of: group), let rule = rule(of: group),
                rule.admits(node)
            else { continue }
            let needed = allowsFewer ? 1 : shard.replicas.count
            // A node that is drained keeps what it has, and gets nothing.
            let places = left.count {
                rule.admits($0) && ($0.standing == .active || shard.replicas.contains($0.id))
            }
            guard places >= needed else { return .failure(.tooFewLeft(needed: needed)) }
            if let goal = rule.survival, !allowsFewer,
                rule.keepsGoal(among: staying, wanted: replicaCount),
                !rule.keepsGoal(among: left, wanted: replicaCount)
            {
                return .failure(.goalWouldBeLost(goal))
            }
        }
        return .success(.change(.stood(node.id, .leaving)))
    }

    private func decideSettled(
        _ reported: [SettledShard], _ metaEpoch: UInt64?
    ) -> TopologyDecision {
        let current = reported.filter { place in
            guard let current = placement(of: place.group) else { return false }
            return !current.isSettled && current.epoch == place.epoch
        }
        let isMetaCurrent = metaEpoch == meta.epoch && !meta.isSettled
        guard !current.isEmpty || isMetaCurrent else { return .done }
        // A shard that is named twice settles once.
        var seen: Set<GroupID> = []
        let places = current.filter { seen.insert($0.group).inserted }
        return .change(.settled(places, metaEpoch: isMetaCurrent ? metaEpoch : nil))
    }
}

extension TopologyCommand: BinaryCodable {
    private static let version: UInt8 = 2

    private enum Tag {
        static let join: UInt8 = 0
        static let move: UInt8 = 1
        static let drain: UInt8 = 2
        static let resume: UInt8 = 3
        static let leave: UInt8 = 4
        static let settle: UInt8 = 5
        static let arrive: UInt8 = 6
        static let set: UInt8 = 7
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        switch self {
        case .join(let profile, let token, let shardCount):
            writer.write(Tag.join)
            writer.write(profile)
            writer.writeFixed(token)
            writer.writeVarint(UInt64(shardCount))
        case .move(let id, let profile):
            writer.write(Tag.move)
            writer.writeVarint(id.rawValue)
            writer.write(profile)
        case .arrive(let id, let token):
            writer.write(Tag.arrive)
            writer.writeVarint(id.rawValue)
            writer.writeFixed(token)
        case .drain(let name):
            writer.write(Tag.drain)
            writer.write(name)
        case .resume(let name):
            writer.write(Tag.resume)
            writer.write(name)
        case .leave(let name, let allowsFewer):
            writer.write(Tag.leave)
            writer.write(name)
            writer.write(allowsFewer)
        case .settle(let shards, let metaEpoch):
            writer.write(Tag.settle)
            writer.writeArray(shards)
            writer.writeOptional(metaEpoch) { $0.writeVarint($1) }
        case .set(let flag, let value):
            writer.write(Tag.set)
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
        let tag = reader.offset
        switch try reader.readByte() {
        case Tag.join:
            self = .join(
                try reader.read(), token: try reader.readFixed(UInt64.self),
                shardCount: try reader.readInteger(Int.self))
        case Tag.move:
            self = .move(MemberID(try reader.readVarint()), try reader.read())
        case Tag.arrive:
            self = .arrive(
                MemberID(try reader.readVarint()), token: try reader.readFixed(UInt64.self))
        case Tag.drain:
            self = .drain(name: try reader.readString())
        case Tag.resume:
            self = .resume(name: try reader.readString())
        case Tag.leave:
            self = .leave(name: try reader.readString(), allowsFewer: try reader.readBool())
        case Tag.settle:
            let shards: [SettledShard] = try reader.readArray()
            self = .settle(
                shards,
                metaEpoch: try reader.readOptional { (reader) throws(DecodingError) in
                    try reader.readVarint()
                })
        case Tag.set:
            self = .set(try reader.read(), try reader.readOptionalBool())
        default:
            throw .invalid(what: "command to the topology", offset: tag)
        }
    }
}

extension TopologyRefusal: BinaryCodable {
    private enum Tag {
        static let notFounded: UInt8 = 0
        static let shardCount: UInt8 = 1
        static let full: UInt8 = 2
        static let unsoundProfile: UInt8 = 3
        static let noSuchNode: UInt8 = 4
        static let isLeaving: UInt8 = 5
        static let tooFewLeft: UInt8 = 6
        static let goalWouldBeLost: UInt8 = 7
        static let otherJurisdiction: UInt8 = 8
        static let tooManyRegions: UInt8 = 9
    }

    public func encode(to writer: inout ByteWriter) {
        switch self {
        case .notFounded: writer.write(Tag.notFounded)
        case .shardCount(let count):
            writer.write(Tag.shardCount)
            writer.writeVarint(UInt64(count))
        case .full: writer.write(Tag.full)
        case .unsoundProfile: writer.write(Tag.unsoundProfile)
        case .noSuchNode: writer.write(Tag.noSuchNode)
        case .isLeaving: writer.write(Tag.isLeaving)
        case .tooFewLeft(let needed):
            writer.write(Tag.tooFewLeft)
            writer.writeVarint(UInt64(needed))
        case .goalWouldBeLost(let goal):
            writer.write(Tag.goalWouldBeLost)
            writer.write(goal.rawValue)
        case .otherJurisdiction(let name):
            writer.write(Tag.otherJurisdiction)
            writer.write(name)
        case .tooManyRegions: writer.write(Tag.tooManyRegions)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        switch try reader.readByte() {
        case Tag.notFounded: self = .notFounded
        case Tag.shardCount: self = .shardCount(try reader.readInteger(Int.self))
        case Tag.full: self = .full
        case Tag.unsoundProfile: self = .unsoundProfile
        case Tag.noSuchNode: self = .noSuchNode
        case Tag.isLeaving: self = .isLeaving
        case Tag.tooFewLeft: self = .tooFewLeft(needed: try reader.readInteger(Int.self))
        case Tag.goalWouldBeLost:
            guard let goal = SurvivalGoal(rawValue: try reader.readByte()) else {
                throw .invalid(what: "refusal of the topology", offset: start)
            }
            self = .goalWouldBeLost(goal)
        case Tag.otherJurisdiction: self = .otherJurisdiction(try reader.readString())
        case Tag.tooManyRegions: self = .tooManyRegions
        default: throw .invalid(what: "refusal of the topology", offset: start)
        }
    }
}
