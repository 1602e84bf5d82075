// What the process of a bench tells its members on their standard input, and what they answer on
// their standard output: one line of JSON each, an answer to each order.

/// What a member is to do.
enum BenchOrder: Codable {
    /// Say how far it is.
    case look
    /// Propose as much as is committed, with so many entries under way, for so long.
    case saturate(inFlight: Int, seconds: Double)
    /// Propose at this rate, whatever is committed, for so long.
    case pace(perSecond: Double, seconds: Double)
    /// Ask for the shard's state, one question after the other, for so long.
    case read(seconds: Double)
    /// Propose an entry as soon as it leads, and remember when it was committed.
    case watch
}

/// How far a member is, and what it has done since it started.
struct BenchLook: Codable {
    var isServing = false
    var holdsLease = false
    var appliedIndex: UInt64 = 0
    var syncs = 0
    var journalBytes = 0
    var journalEntries = 0
    var frames = 0
    var frameBytes = 0
    var statements: UInt64 = 0
    /// Of this process, all threads.
    var processorMicroseconds: Int64 = 0
    /// When the entry that `watch` asked for was committed, by the boot-time clock.
    var firstCommitNanoseconds: Int64?
}

/// What came of a load.
struct BenchLoadReport: Codable {
    /// Entries committed, or reads answered, while it was counted.
    var count = 0
    var seconds = 0.0
    /// Proposals, or reads, that were refused or lost.
    var failureCount = 0
    /// From the proposal to its outcome.
    var p50Microseconds = 0.0
    var p99Microseconds = 0.0

    var perSecond: Double { seconds > 0 ? Double(count) / seconds : 0 }
}

/// What a member answers.
enum BenchAnswer: Codable {
    case look(BenchLook)
    case load(BenchLoadReport)
    case watching
    /// It cannot do it; why.
    case failed(String)
}
