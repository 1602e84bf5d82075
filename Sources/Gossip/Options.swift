/// How one circle of members is probed, gossiped with and suspected. All times are before the
/// local health stretches them.
public struct CircleOptions: Hashable, Sendable {
    /// From one probe to the next.
    public var probeInterval: Duration
    /// How long a direct ping may take before others are asked.
    public var probeTimeout: Duration
    /// So many helpers are asked to ping in our place (SWIM §4.1, k).
    public var helperCount = 3
    public var gossipInterval: Duration
    /// So many members hear each round.
    public var gossipFanoutCount: Int
    /// From one exchange of whole tables to the next, in a circle of up to 32; it grows with the
    /// circle so that the load of a member does not.
    public var exchangeInterval: Duration
    /// The shortest suspicion is this times log10(members) times the probe interval.
    public var suspicionMultiplier: Int
    /// The longest suspicion is this times the shortest (Lifeguard §IV-B, β).
    public var suspicionMaxMultiplier = 6
    /// So many independent confirmations bring a suspicion down to its shortest (Lifeguard §IV-B,
    /// K).
    public var confirmationCount = 3
    /// A piece of news is sent this times log10(members + 1) times (SWIM §4.1, λ).
    public var retransmitMultiplier = 4

    /// Members of one region.
    public static let lan = CircleOptions(
        probeInterval: .seconds(1), probeTimeout: .milliseconds(500),
        gossipInterval: .milliseconds(200), gossipFanoutCount: 3,
        exchangeInterval: .seconds(30), suspicionMultiplier: 4)

    /// Bridges of different regions.
    public static let wan = CircleOptions(
        probeInterval: .seconds(5), probeTimeout: .seconds(3),
        gossipInterval: .milliseconds(500), gossipFanoutCount: 4,
        exchangeInterval: .seconds(60), suspicionMultiplier: 6)

    /// Members on one machine, for demonstrations.
    public static let local = CircleOptions(
        probeInterval: .seconds(1), probeTimeout: .milliseconds(200),
        gossipInterval: .milliseconds(100), gossipFanoutCount: 3,
        exchangeInterval: .seconds(15), suspicionMultiplier: 3)
}

/// The parts that Lifeguard (Dadgar, Phillips and Currey, 2017) adds to SWIM (Das, Gupta and
/// Motivala, 2002), each of which can be left out so that tests can compare.
public struct LifeguardOptions: Hashable, Sendable {
    /// A member that fails where others succeed doubts itself, and is slower to judge (§IV-A).
    public var hasLocalHealth: Bool
    /// Helpers say when they got no answer, so that their silence means something (§IV-A).
    public var hasNegativeAnswers: Bool
    /// A suspicion starts long and shrinks as others confirm it (§IV-B).
    public var hasShrinkingSuspicion: Bool
    /// A suspect hears of it on the very next ping (§IV-C).
    public var hasBuddyNotice: Bool
    /// Time during which this member did not run counts against nobody. Ours, not the paper's.
    public var hasLagAllowance: Bool

    public static let all = LifeguardOptions(
        hasLocalHealth: true, hasNegativeAnswers: true, hasShrinkingSuspicion: true,
        hasBuddyNotice: true, hasLagAllowance: true)

    /// As the paper has it.
    public static let paper = LifeguardOptions(
        hasLocalHealth: true, hasNegativeAnswers: true, hasShrinkingSuspicion: true,
        hasBuddyNotice: true, hasLagAllowance: false)

    /// Plain SWIM with suspicion.
    public static let none = LifeguardOptions(
        hasLocalHealth: false, hasNegativeAnswers: false, hasShrinkingSuspicion: false,
        hasBuddyNotice: false, hasLagAllowance: false)
}

/// What an instance is set to.
public struct GossipOptions: Hashable, Sendable {
    public var region = CircleOptions.lan
    public var bridges = CircleOptions.wan
    public var lifeguard = LifeguardOptions.all
    /// So many members of a region speak with other regions: one could be lost, and two could be
    /// lost before the others know.
    public var bridgeCount = 3
    /// A dead member is still gossiped to for so long: a healthy one hears that it is thought
    /// dead, and refutes.
    public var gossipToDeadDuration: Duration = .seconds(30)
    /// About so often each dead member is tried by somebody, for ever: partitions end, however
    /// long they lasted. A third of the time in which a healed cluster has to agree.
    public var reconnectInterval: Duration = .seconds(10)
    /// From one attempt to join to the next.
    public var joinInterval: Duration = .seconds(1)
    /// How long a member that leaves goes on saying so: ten rounds of gossip reach everybody.
    public var leaveDuration: Duration = .seconds(2)
    /// So long a forgotten member cannot come back by old news: far longer than the meta group's
    /// decision needs to reach the slowest member.
    public var tombstoneDuration: Duration = .seconds(4 * 3600)
    /// A tick that comes later than this says that the loop was held up: half a ping's patience.
    public var lagTolerance: Duration = .milliseconds(250)

    public init() {}

    func circle(_ scope: Scope) -> CircleOptions {
        switch scope {
        case .region: region
        case .bridges: bridges
        }
    }
}

/// Bounds that every member of a cluster has to share.
public enum GossipLimits {
    /// One datagram on any path (Ethernet's 1,500 less headers and tunnels); over a stream it
    /// keeps a packet from delaying others.
    public static let packetByteCountMax = 1_400
    /// A page of an exchange: one frame of a link, small beside the frames of consensus.
    public static let pageByteCountMax = 16 << 10
    /// Entries in a page of a digest: at 30 bytes at the most, they fit a page.
    public static let digestEntryCountMax = 512
    /// Members, dead ones included: four times the largest cluster that is simulated. A table is
    /// then below a megabyte.
    public static let memberCountMax = 4_096
    /// Removed members that are remembered: a quarter of a table replaced within four hours.
    public static let tombstoneCountMax = 1_024
    /// Incarnations and profile versions: far beyond what counting reaches, far below overflow.
    public static let incarnationMax: UInt64 = 1 << 62
    /// The score of the local health (Lifeguard §IV-A, S).
    public static let healthScoreMax = 8
    /// Pings under way in the place of others: each is asked of a few members only, so that more
    /// than this is a fault of somebody, whom silence costs nothing.
    public static let relayCountMax = 64
    /// Seeds kept: a configuration names a handful.
    public static let seedCountMax = 16
    /// Digest pages and wishes answered in one second, each with up to a table of records: all of
    /// a healing cluster of thousands spread over its members stays far below.
    public static let exchangeAnswerCountMax = 64
    /// Times that one piece of news is sent at the most: 4·log10(4,097) is 15.
    public static let transmitCountMax = 32
}
