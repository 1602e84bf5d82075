public import Primitives

/// How long something takes: mostly within a range, now and then within a slower one.
///
/// Whole numbers only, so that a seed gives the same draw on every machine.
public struct LatencyModel: Hashable, Sendable {
    /// Nanoseconds of the usual case.
    public var usual: ClosedRange<Int64>
    /// Nanoseconds of the slow case.
    public var slow: ClosedRange<Int64>
    /// One draw in so many is slow; 0 means none.
    public var slowOneIn: UInt64

    /// Ranges in microseconds.
    public init(
        microseconds usual: ClosedRange<Int64>, slowMicroseconds slow: ClosedRange<Int64>? = nil,
        slowOneIn: UInt64 = 0
    ) {
        self.usual = usual.lowerBound * 1000...usual.upperBound * 1000
        self.slow = slow.map { $0.lowerBound * 1000...$0.upperBound * 1000 } ?? self.usual
        self.slowOneIn = slow == nil ? 0 : slowOneIn
    }

    func draw(_ random: inout SeededRandom) -> Int64 {
        let isSlow = slowOneIn > 0 && random.chance(1, in: slowOneIn)
        return Int64.random(in: isSlow ? slow : usual, using: &random)
    }
}

/// What becomes of a job that would land on Swift's global pool.
///
public enum EscapePolicy: Hashable, Sendable {
    /// It ends the run: in production it would leave the node's thread.
    case failRun
    /// The same, but a continuation of the standard library goes on on the loop that resumed it.
    /// The runtime sends every one of them by way of the pool; code of ours waits with
    /// `NodeLoop.suspend` instead.
    case failRunButContinuations
    /// It runs on the loop of the process that made it, in the world's order. For code of others
    /// that uses task groups and streams; what they interleave in production is not explored.
    case runOnLoop
}

/// The world's constants. The defaults are one region's local network and a disk with a cache.
public struct WorldParameters: Sendable {
    /// Civil time at the start: 2026-01-05T00:00:00Z.
    public var wallStart = Timestamp(milliseconds: 1_767_571_200_000)
    /// The run fails after so many steps: a scenario that needs more is not a test.
    public var stepLimit: UInt64 = 200_000_000
    /// The run fails after so many steps within one instant: time does not pass any more.
    public var stepLimitPerInstant: UInt64 = 2_000_000
    /// Each process's clock runs wrong by up to so many parts per million, either way.
    public var clockDriftPartsPerMillion: Int64 = 100

    /// One way between two processes, where nothing else was set for the pair.
    public var networkLatency = LatencyModel(
        microseconds: 80...400, slowMicroseconds: 1000...40_000, slowOneIn: 200)
    /// One way from a process to itself.
    public var loopbackLatency = LatencyModel(microseconds: 5...20)
    /// Bytes in flight or unread per direction of a stream, as a socket's buffers bound them.
    public var windowByteCount = 256 * 1024
    /// The most bytes that arrive in one piece.
    public var segmentByteLimit = 64 * 1024
    /// One in so many sends arrives in pieces of odd lengths.
    public var oddSegmentOneIn: UInt64 = 4
    /// How long bytes stay unacknowledged until the sender's system gives the stream up.
    public var retransmissionLimit: Duration = .seconds(20)

    /// From a work's turn to its end on a worker.
    public var workLatency = LatencyModel(
        microseconds: 50...900, slowMicroseconds: 5000...200_000, slowOneIn: 500)
    /// From the end of a work to its completion's arrival at the loop.
    public var completionLatency = LatencyModel(microseconds: 0...30)

    public var escapes = EscapePolicy.failRunButContinuations
    /// Told of every step and note, as a line; set only to look at one seed.
    public var onTraceLine: (@Sendable (String) -> Void)?

    public init() {}
}
