import Cluster
import Environment
import Foundation
import Glibc
import Primitives
import Synchronization
import Transport

/// Load on a member that leads, from its own process: proposals as the actors of a shard make them.
actor BenchLoad<Machine: ShardMachine> {
    private nonisolated let loop: UVLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let host: ShardHost

    /// What came before it is not counted: tables grow, and segments begin.
    static var warmUpSeconds: Double { 1 }
    /// How often paced proposals come, as requests that were gathered from sockets do.
    private static var paceMicroseconds: Int64 { 500 }
    /// Paced proposals under way at a time; those beyond it are failures.
    private static var pacedCountMax: Int { 16_384 }

    private var isCounting = false
    private var isOver = false
    private var nextNumber: UInt64 = 0
    private var underWayCount = 0
    /// Tasks that wait for a paced proposal to come.
    private var resting: [Resumption<MonotonicInstant?>] = []
    private var latencies: [Int64] = []
    private var failureCount = 0
    private var idle: Resumption<Void>?

    init(member: BenchMember<Machine>) {
        loop = member.loop
        host = member.host
    }

    // MARK: Proposing

    /// As much as is committed, with `inFlight` entries under way.
    func saturate(inFlight: Int, seconds: Double) async -> BenchLoadReport {
        underWayCount = inFlight
        for _ in 0..<inFlight { Task { await self.proposeUntilOver() } }
        let took = await count(for: seconds)
        isOver = true
        await waitUntilIdle()
        return report(seconds: took)
    }

    private func proposeUntilOver() async {
        while !isOver {
            // Whoever does not lead answers at once, for ever.
            guard await propose(at: loop.now) else { break }
        }
        ended()
    }

    /// At a rate, whatever is committed: a latency counts from when its proposal came, also where
    /// the loop was late.
    func pace(perSecond: Double, seconds: Double) async -> BenchLoadReport {
        let member = self
        let pacer = Pacer()
        pacer.start(everyMicroseconds: Self.paceMicroseconds, perSecond: perSecond) { count in
            let at = member.loop.now
            member.loop.post { member.assumeIsolated { $0.arrived(count, at) } }
        }
        let took = await count(for: seconds)
        isOver = true
        pacer.stop()
        await waitUntilIdle()
        dismiss()
        return report(seconds: took)
    }

    private func arrived(_ count: Int, _ at: MonotonicInstant) {
        guard !isOver else { return }
        for _ in 0..<count {
            guard underWayCount < Self.pacedCountMax else {
                if isCounting { failureCount += 1 }
                continue
            }
            underWayCount += 1
            if let proposer = resting.popLast() {
                proposer.resume(returning: at)
            } else {
                Task { await self.proposePaced(at: at) }
            }
        }
    }

    /// One proposal after the other, as they come. A task for each would cost a fifth as much as
    /// its commit, and has nothing to do with it.
    private func proposePaced(at first: MonotonicInstant) async {
        var at: MonotonicInstant? = first
        while let begun = at {
            await propose(at: begun)
            ended()
            guard !isOver else { return }
            at = await loop.suspend { resting.append($0) }
        }
    }

    /// Lets those go that rest.
    private func dismiss() {
        let all = resting
        resting = []
        for proposer in all { proposer.resume(returning: nil) }
    }

    /// False when it was not committed.
    @discardableResult
    private func propose(at begun: MonotonicInstant) async -> Bool {
        // A step that shares no factor with the number of aggregates visits all of them.
        nextNumber &+= 7919
        let outcome = await host.propose(
            BenchEntry.payload(nextNumber), expectedTerm: host.servingTerm ?? 0)
        guard case .applied = outcome else {
            if isCounting { failureCount += 1 }
            return false
        }
        if isCounting { latencies.append((loop.now - begun).wholeNanoseconds) }
        return true
    }

    private func ended() {
        underWayCount -= 1
        if underWayCount == 0 { idle?.resume() }
    }

    private func waitUntilIdle() async {
        guard underWayCount > 0 else { return }
        await loop.suspend { idle = $0 }
        idle = nil
    }

    /// Counts for so long, after the warm-up; returns how long that was, in seconds.
    private func count(for seconds: Double) async -> Double {
        await loop.sleep(for: .seconds(Self.warmUpSeconds))
        latencies.reserveCapacity(1 << 20)
        isCounting = true
        let begun = loop.now
        await loop.sleep(for: .seconds(seconds))
        isCounting = false
        return Double((loop.now - begun).wholeNanoseconds) / 1e9
    }

    private func report(seconds: Double) -> BenchLoadReport {
        var report = BenchLoadReport()
        report.count = latencies.count
        report.seconds = seconds
        report.failureCount = failureCount
        let sorted = latencies.sorted()
        guard !sorted.isEmpty else { return report }
        report.p50Microseconds = Double(sorted[sorted.count / 2]) / 1000
        report.p99Microseconds = Double(sorted[sorted.count * 99 / 100]) / 1000
        return report
    }

    // MARK: Reading

    /// How many questions are asked before others get the loop.
    private static var readCountOfTurn: Int { 256 }

    /// Read barriers, one after the other. One that is answered without the lease is a failure.
    func read(seconds: Double) async -> BenchLoadReport {
        var report = BenchLoadReport()
        let begun = loop.now
        while loop.now - begun < .seconds(seconds) {
            let holdsLease = host.holdsLease
            for _ in 0..<Self.readCountOfTurn {
                if await host.readBarrier(), holdsLease {
                    report.count += 1
                } else {
                    report.failureCount += 1
                }
            }
            await loop.suspend { resumption in loop.post { resumption.resume() } }
        }
        report.seconds = Double((loop.now - begun).wholeNanoseconds) / 1e9
        return report
    }
}

/// A clock on a thread of its own, so that proposals come in time also when the loop is late.
private final class Pacer: Sendable {
    private let isOver = Atomic(false)

    /// - Parameter arrive: gets how many have come; on the clock's thread.
    func start(
        everyMicroseconds interval: Int64, perSecond: Double,
        arrive: @escaping @Sendable (Int) -> Void
    ) {
        Thread.detachNewThread { [self] in
            let begun = ContinuousClock.now
            var number: Int64 = 0
            var arrivedCount = 0
            while !isOver.load(ordering: .relaxed) {
                number += 1
                let due = begun.advanced(by: .microseconds(interval * number))
                let rest = due - ContinuousClock.now
                if rest > .zero { usleep(UInt32(rest.wholeNanoseconds / 1000)) }
                let isDue = Int(perSecond * Double(interval * number) / 1e6)
                if isDue > arrivedCount { arrive(isDue - arrivedCount) }
                arrivedCount = isDue
            }
        }
    }

    func stop() { isOver.store(true, ordering: .relaxed) }
}
