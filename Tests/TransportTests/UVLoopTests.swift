import Environment
import Primitives
import Synchronization
import Testing
import Transport

private actor Counter {
    let loop: UVLoop
    private var count = 0

    init(loop: UVLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func add(_ addend: Int) -> Int {
        count += addend
        return count
    }

    var isOnLoop: Bool { loop.isCurrent }

    /// Calls another actor so often; returns its count and the jobs that the loop ran for it.
    func call(_ other: Counter, times: Int) async -> (count: Int, jobs: UInt64) {
        let before = loop.counters.jobs
        var last = 0
        for _ in 0..<times { last = await other.add(1) }
        return (last, loop.counters.jobs - before)
    }

    func sleep(for duration: Duration) async -> (slept: Duration, isOnLoop: Bool) {
        let start = loop.now
        await loop.sleep(for: duration)
        return (loop.now - start, loop.isCurrent)
    }
}

@Suite struct UVLoopTests {
    @Test("an actor of the loop runs on the loop's thread and nothing else does")
    func runsActors() async throws {
        try await withLoop { loop in
            let counter = Counter(loop: loop)
            #expect(!loop.isCurrent)
            #expect(await counter.isOnLoop)
            #expect(!loop.isCurrent)
        }
    }

    @Test("actors that share the loop call each other inline, without a job for a call")
    func callsInline() async throws {
        try await withLoop { loop in
            let (count, jobs) = await Counter(loop: loop).call(Counter(loop: loop), times: 1000)
            #expect(count == 1000)
            #expect(jobs == 0)
        }
    }

    @Test("actors of two loops call each other across the threads")
    func callsAcross() async throws {
        try await withLoop { first in
            try await withLoop { second in
                let (count, jobs) =
                    await Counter(loop: first).call(Counter(loop: second), times: 200)
                #expect(count == 200)
                #expect(jobs >= 200)
                #expect(second.counters.wakeups >= 1)
            }
        }
    }

    @Test("a callback of the loop may assume the isolation of the loop's actors")
    func assumesIsolation() async throws {
        try await withLoop { loop in
            let counter = Counter(loop: loop)
            let count = await withCheckedContinuation { continuation in
                loop.post {
                    loop.schedule(after: .milliseconds(1)) {
                        let count = counter.assumeIsolated { $0.add(7) }
                        continuation.resume(returning: count)
                    }
                }
            }
            #expect(count == 7)
            #expect(loop.isIsolatingCurrentContext() == false)
        }
    }

    @Test("work posted by one thread runs in its order, and before the loop starts it waits")
    func postsInOrder() async throws {
        let loop = try UVLoop(name: "late")
        let transcript = Transcript()
        for number in 0..<10 { loop.post { transcript.add("\(number)") } }
        #expect(transcript.lines.isEmpty)
        try loop.start()
        for number in 10..<5000 { loop.post { transcript.add("\(number)") } }
        try await loop.run {}
        #expect(transcript.lines == (0..<5000).map { "\($0)" })
        loop.stop()
    }

    @Test("timers fire by deadline, then in the order of scheduling, unless they were cancelled")
    func firesTimers() async throws {
        try await withLoop { loop in
            let transcript = Transcript()
            await withCheckedContinuation { continuation in
                loop.post {
                    loop.schedule(after: .milliseconds(8)) {
                        transcript.add("8")
                        continuation.resume()
                    }
                    let cancelled = loop.schedule(after: .milliseconds(2)) { transcript.add("2") }
                    loop.schedule(after: .milliseconds(5)) { transcript.add("5") }
                    loop.schedule(after: .milliseconds(1)) {
                        transcript.add("1")
                        cancelled.cancel()
                        cancelled.cancel()
                    }
                    loop.schedule(after: .zero) { transcript.add("0") }
                    loop.schedule(after: .seconds(-1)) { transcript.add("past") }
                }
            }
            #expect(transcript.lines == ["past", "0", "1", "5", "8"])
        }
    }

    @Test("a sleeping actor of the loop resumes on the loop, not before its time")
    func sleeps() async throws {
        try await withLoop { loop in
            let (slept, isOnLoop) = await Counter(loop: loop).sleep(for: .microseconds(2500))
            #expect(slept >= .microseconds(2500))
            #expect(isOnLoop)
        }
    }

    @Test("an end-of-turn action runs once, after what is ready, and what it starts runs after it")
    func endsTurns() async throws {
        try await withLoop { loop in
            let transcript = Transcript()
            await withCheckedContinuation { continuation in
                loop.post {
                    loop.atEndOfTurn {
                        transcript.add("end 1")
                        loop.post { transcript.add("started by end 1") }
                        loop.atEndOfTurn {
                            transcript.add("end 3")
                            continuation.resume()
                        }
                    }
                    loop.atEndOfTurn { transcript.add("end 2") }
                    loop.post {
                        transcript.add("ready 1")
                        loop.post { transcript.add("started by ready 1") }
                    }
                    loop.post { transcript.add("ready 2") }
                }
            }
            try await loop.run {}
            #expect(
                transcript.lines == [
                    "ready 1", "ready 2", "started by ready 1", "end 1", "end 2",
                    "started by end 1", "end 3",
                ])
        }
    }

    @Test("work that always makes more work starves neither timers nor the end of a turn")
    func boundsTurns() async throws {
        try await withLoop { loop in
            let isDone = Mutex(false)
            let spins = Mutex(0)
            @Sendable func spin() {
                spins.withLock { $0 += 1 }
                if !isDone.withLock({ $0 }) { loop.post(spin) }
            }
            await withCheckedContinuation { continuation in
                loop.post {
                    spin()
                    loop.atEndOfTurn {
                        // It had to wait for the turn's budget, as the queue is never empty.
                        #expect(spins.withLock { $0 } >= 1000)
                        loop.schedule(after: .milliseconds(1)) {
                            isDone.withLock { $0 = true }
                            continuation.resume()
                        }
                    }
                }
            }
            #expect(isDone.withLock { $0 })
        }
    }

    @Test("the lag shows a stretch of work while it lasts and afterwards")
    func measuresLag() async throws {
        try await withLoop { loop in
            let stretch = Duration.milliseconds(20)
            let during = try await loop.run {
                let start = loop.now
                while loop.now - start < stretch {}
                return loop.lagNanoseconds
            }
            #expect(during >= stretch.wholeNanoseconds)
        }
        var meter = LagMeter()
        func instant(_ seconds: Int64) -> MonotonicInstant {
            MonotonicInstant(nanoseconds: seconds * LagMeter.windowNanoseconds)
        }
        meter.record(5, at: instant(10))
        meter.record(3, at: instant(10))
        #expect(meter.reading(at: instant(10)) == 5)
        meter.record(4, at: instant(11))
        #expect(meter.reading(at: instant(11)) == 5)
        #expect(meter.reading(at: instant(12)) == 4)
        #expect(meter.reading(at: instant(14)) == 0)
    }

    @Test("a loop that was never started, or is stopped twice, ends without complaint")
    func stopsAnyway() async throws {
        _ = try UVLoop(name: "never started")
        let idle = try UVLoop(name: "idle")
        idle.stop()
        let loop = try UVLoop(name: "running")
        try loop.start()
        let transcript = Transcript()
        try await loop.run {
            loop.schedule(after: .seconds(3600)) { transcript.add("timer") }
            loop.atEndOfTurn { transcript.add("end of turn") }
        }
        loop.stop()
        loop.stop()
        loop.post { transcript.add("too late") }
        #expect(transcript.lines == ["end of turn"])
    }

    @Test("a loop-only call from another thread ends the process")
    func refusesForeignCalls() async {
        await #expect(processExitsWith: .failure) {
            let loop = try UVLoop(name: "foreign")
            try loop.start()
            loop.atEndOfTurn {}
        }
    }
}

@Suite struct TimerQueueTests {
    private func instant(_ nanoseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: nanoseconds)
    }

    @Test("a pass ends though each action schedules one that is due at once")
    func passEnds() {
        let transcript = Transcript()
        var queue = TimerQueue()
        _ = queue.schedule(at: instant(1)) { transcript.add("a") }
        let limit = queue.nextIdentifier
        var fired = 0
        while let due = queue.popDue(at: instant(5), before: limit) {
            due.action()
            fired += 1
            _ = queue.schedule(at: instant(0)) { transcript.add("b") }
        }
        #expect(fired == 1)
        #expect(queue.count == 1)
        #expect(queue.nextDeadline() == instant(0))
        #expect(transcript.lines == ["a"])
    }

    @Test("cancelled timers take no more room than those that wait")
    func sweeps() {
        var queue = TimerQueue()
        let timers = (0..<10_000).map { queue.schedule(at: instant($0)) {} }
        for timer in timers.dropLast(10) { queue.cancel(timer) }
        #expect(queue.count == 10)
        #expect(queue.entryCount <= 64)
        #expect(queue.nextDeadline() == instant(9990))
        for timer in timers { queue.cancel(timer) }
        #expect(queue.nextDeadline() == nil)
        let due = queue.popDue(at: instant(20_000), before: .max)
        #expect(due?.deadline == nil)
    }
}
