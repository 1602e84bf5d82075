public import Primitives

// Switches of the whole cluster, for operators: each is kept by the meta group, and every node goes
// by its copy. The list is closed, and each has a default that is right for a cluster that is well.

/// A switch of the cluster.
public enum ClusterFlag: UInt8, Hashable, Sendable, CaseIterable {
    /// Whether shards move only so that they are spread better.
    case rebalancing = 1
    /// Whether leaders go to their shard's home region.
    case leaderPreference = 2
    /// Whether replicas compare checksums of their states.
    case stateChecksums = 3

    /// As operators write it.
    public var name: String {
        switch self {
        case .rebalancing: "rebalancing"
        case .leaderPreference: "leader_preference"
        case .stateChecksums: "state_checksums"
        }
    }

    /// One line for operators.
    public var help: String {
        switch self {
        case .rebalancing:
            "Shards move to be spread better. What has to move, moves without it too."
        case .leaderPreference:
            "Shards with a home region are led there, if a node there can."
        case .stateChecksums:
            "Replicas compare checksums of what they have applied, and halt where they differ."
        }
    }

    /// The value where nobody has set one.
    public var defaultValue: Bool { true }

    public init?(name: String) {
        guard let flag = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = flag
    }
}

/// The value of a switch that somebody has set.
public struct FlagSetting: Hashable, Sendable {
    public let flag: ClusterFlag
    public let isOn: Bool

    public init(flag: ClusterFlag, isOn: Bool) {
        self.flag = flag
        self.isOn = isOn
    }
}

extension Topology {
    /// Whether a switch is on.
    public func isOn(_ flag: ClusterFlag) -> Bool { setting(of: flag) ?? flag.defaultValue }

    /// What somebody has set; nil where the default is meant.
    public func setting(of flag: ClusterFlag) -> Bool? {
        flags.first { $0.flag == flag }?.isOn
    }

    mutating func set(_ flag: ClusterFlag, _ value: Bool?) {
        flags.removeAll { $0.flag == flag }
        if let value { flags.append(FlagSetting(flag: flag, isOn: value)) }
        flags.sort { $0.flag.rawValue < $1.flag.rawValue }
    }
}

// MARK: - As bytes

extension ClusterFlag: BinaryCodable {
    public func encode(to writer: inout ByteWriter) { writer.write(rawValue) }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        guard let flag = ClusterFlag(rawValue: try reader.readByte()) else {
            throw .invalid(what: "flag", offset: start)
        }
        self = flag
    }
}

extension FlagSetting: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.write(flag)
        writer.write(isOn)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        flag = try reader.read()
        isOn = try reader.readBool()
    }
}
