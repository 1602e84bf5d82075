public import Liveness
public import Primitives
public import Raft

/// What kind of world a seed is played in.
public struct CoreParameters: Sendable {
    /// Voters at the beginning, and nodes that are there to join.
    public var nodeCount = 3
    public var spareCount = 0
    public var groupCount = 2
    public var clientCount = 4
    /// One way between two nodes, at the least, and a sync of the disk.
    public var latencyNanoseconds: Int64 = 400_000
    public var syncNanoseconds: Int64 = 150_000
    /// How long a client thinks between two operations, at the most.
    public var thinkNanoseconds: Int64 = 20_000_000
    /// How long faults go on, and within what time everything has to work again afterwards.
    public var chaosNanoseconds: Int64 = 12_000_000_000
    public var recoveryNanoseconds: Int64 = 20_000_000_000
    public var changesMembers = false
    public var hasFaults = true
    /// Entries on the disks of some go bad.
    public var damagesEntries = false
    /// Clocks run up to so many millionths too fast or slow.
    public var clockRateErrorMax: Int64 = 2_000
    public var checkpointEntryCount: LogIndex = 64
    public var raft = Options(
        electionTimeout: .milliseconds(400), heartbeatInterval: .milliseconds(80),
        inflightCountMax: 16, retainedByteCountMax: 2_000, promotionLagMax: 64,
        snapshotChunkByteCount: 7)
    public var liveness = Liveness.Options(
        heartbeatInterval: .milliseconds(200), supportDuration: .milliseconds(1000),
        supportDurationMax: .seconds(5), stepMax: .milliseconds(200),
        clockWindowMin: .seconds(1), clockWindow: .seconds(10))

    public init() {}

    /// The world that belongs to a seed: small groups and large ones, near and far.
    public init(seed: UInt64) {
        var random = SeededRandom(seed: seed ^ 0xC0DE)
        nodeCount = random.chance(1, in: 3) ? 5 : 3
        groupCount = Int.random(in: 1...3, using: &random)
        changesMembers = random.chance(1, in: 2)
        spareCount = changesMembers ? 3 : 0
        latencyNanoseconds =
            [100_000, 500_000, 5_000_000, 20_000_000].randomElement(using: &random) ?? 0
        raft.appendCountMax = [1, 3, 4096].randomElement(using: &random) ?? 1
        // Where no clock is trusted, every read asks a quorum.
        if random.chance(1, in: 3) {
            liveness = Liveness.Options(
                heartbeatInterval: .milliseconds(200), supportDuration: .milliseconds(1000),
                supportDurationMax: .seconds(5), stepMax: .milliseconds(200),
                clockWindowMin: .seconds(1000), clockWindow: .seconds(2000))
        }
        syncNanoseconds = [100_000, 1_000_000].randomElement(using: &random) ?? 0
        // Where members change, two may be all, and the one who is left cannot be elected by one
        // who recovers.
        damagesEntries = !changesMembers && random.chance(1, in: 2)
    }
}
