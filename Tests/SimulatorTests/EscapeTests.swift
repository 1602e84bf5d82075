import Environment
import Primitives
import Simulator
import Testing

@concurrent @inline(never) private func escapeByConcurrentCall(_ log: Log) async {
    log.add("escaped")
}

@inline(never) private func escapeByDetachedTask() {
    Task.detached {}
}

@inline(never) private func escapeByMainActorTask() {
    Task { @MainActor in }
}

@Suite struct EscapeTests {
    /// The escape of a run in which an actor does `operation`.
    private func escape(
        _ operation: @escaping @Sendable (isolated Resident) async -> Void
    ) -> EscapedJob? {
        do {
            try World.simulate(seed: 3) { world in
                world.addProcess("a").start { incarnation in
                    incarnation.loop.start(Resident(loop: incarnation.loop), operation)
                }
                try world.runUntilIdle()
            }
            return nil
        } catch WorldFailure.jobEscaped(let job) {
            return job
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    @Test("awaits between actors, continuations and sleeps stay on the world's thread")
    func staysInside() throws {
        let log = Log()
        let count = try World.simulate(seed: 1) { world in
            let process = world.addProcess("a")
            process.start { incarnation in
                let loop = incarnation.loop
                let worker = incarnation.makeWorker()
                let first = Resident(loop: loop, log: log)
                let second = Resident(loop: loop, log: log)
                loop.start(first) { first in
                    log.add("called \(await first.call(second))")
                    await loop.sleep(for: .seconds(5))
                    log.add("worker \(await worker.run(on: loop) { 6 * 7 })")
                    let task = Task {
                        first.add("inner task")
                    }
                    log.add("waited \(await first.wait()), cancelled \(task.isCancelled)")
                }
                loop.start(second) { second in
                    await second.loop.sleep(for: .seconds(9))
                    await first.answer(5)
                }
            }
            try world.runUntilIdle()
            return process.crashCount
        }
        #expect(count == 0)
        #expect(
            log.lines == ["called 1", "worker 42", "inner task", "waited 5, cancelled false"])
    }

    @Test("a call of a concurrent function is reported with its name and its caller's loop")
    func concurrentCall() throws {
        let log = Log()
        let job = try #require(escape { _ in await escapeByConcurrentCall(log) })
        #expect(job.destination == .globalPool)
        #expect(job.loop == "a#1")
        #expect(job.functions.contains { $0.contains("escapeByConcurrentCall") }, "\(job)")
        #expect(job.functions.contains { $0.contains("EscapeTests.concurrentCall") }, "\(job)")
        #expect(log.lines.isEmpty)
    }

    @Test("a detached task is reported with who made it")
    func detachedTask() throws {
        let job = try #require(escape { _ in escapeByDetachedTask() })
        #expect(job.functions.contains { $0.contains("escapeByDetachedTask") }, "\(job)")
    }

    @Test("a job for the main actor is reported with who made it")
    func mainActor() throws {
        let job = try #require(escape { _ in escapeByMainActorTask() })
        #expect(job.destination == .mainActor)
        #expect(job.functions.contains { $0.contains("escapeByMainActorTask") }, "\(job)")
    }

    @Test("task groups, async let, streams, a task's value and a yield leave the loop")
    func libraryEscapes() {
        let group = escape { resident in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await resident.increment() }
            }
        }
        #expect(group != nil)
        let asyncLet = escape { resident in
            async let answer = resident.call(Resident(loop: resident.loop))
            _ = await answer
        }
        #expect(asyncLet != nil)
        let stream = escape { _ in
            let (stream, continuation) = AsyncStream<Int>.makeStream()
            continuation.finish()
            for await _ in stream {}
        }
        #expect(stream != nil)
        let value = escape { resident in
            let task = Task { resident.increment() }
            await task.value
        }
        #expect(value != nil)
    }

    @Test("where the world runs escaped jobs on the loop, task groups stay on its thread")
    func adopted() throws {
        var parameters = WorldParameters()
        parameters.escapes = .runOnLoop
        let hashes = try (0..<2).map { _ in
            let log = Log()
            let hash = try World.simulate(seed: 5, parameters: parameters) { world in
                world.addProcess("a").start { incarnation in
                    let resident = Resident(loop: incarnation.loop, log: log)
                    incarnation.loop.start(resident) { resident in
                        await withTaskGroup(of: Void.self) { group in
                            for _ in 0..<50 {
                                group.addTask {
                                    await resident.loop.sleep(for: .milliseconds(3))
                                    await resident.increment()
                                }
                            }
                        }
                        resident.add("count \(resident.count)")
                    }
                }
                try world.runUntilIdle()
                return world.traceHash
            }
            #expect(log.lines == ["count 50"])
            return hash
        }
        #expect(hashes[0] == hashes[1])
    }

    @Test("outside of a world the global pool works as ever")
    func otherThreads() async throws {
        try World.simulate(seed: 1) { try $0.runUntilIdle() }
        let sum = await withTaskGroup(of: Int.self) { group in
            for number in 1...10 { group.addTask { number } }
            return await group.reduce(0, +)
        }
        #expect(sum == 55)
        #expect(await MainActor.run { 4 } == 4)
    }
}
