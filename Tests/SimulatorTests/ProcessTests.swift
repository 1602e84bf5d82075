import Environment
import Primitives
import Simulator
import Testing

@Suite struct ProcessTests {
    @Test("timers run in the order of their deadlines, not before them, and not when cancelled")
    func timers() throws {
        let log = Log()
        try World.simulate(seed: 1) { world in
            world.addProcess("a").start { incarnation in
                let loop = incarnation.loop
                let start = loop.now
                for delay in [30, 10, 20, 10] as [Int64] {
                    loop.schedule(after: .milliseconds(delay)) {
                        let isInTime = loop.now - start >= .milliseconds(delay)
                        log.add("\(delay) \(isInTime)")
                    }
                }
                let cancelled = loop.schedule(after: .milliseconds(5)) { log.add("cancelled") }
                loop.schedule(after: .milliseconds(4)) { cancelled.cancel() }
            }
            try world.runUntilIdle()
        }
        #expect(log.lines == ["10 true", "10 true", "20 true", "30 true"])
    }

    @Test("actions at the end of the turn run once, after all that was ready, in their order")
    func endOfTurn() throws {
        let log = Log()
        try World.simulate(seed: 1) { world in
            world.addProcess("a").start { incarnation in
                let loop = incarnation.loop
                loop.post {
                    loop.atEndOfTurn {
                        log.add("end 1")
                        loop.post { log.add("posted at the end") }
                        loop.atEndOfTurn { log.add("end of the next turn") }
                    }
                    loop.post { log.add("ready 3") }
                    log.add("ready 1")
                }
                loop.post {
                    loop.atEndOfTurn { log.add("end 2") }
                    log.add("ready 2")
                }
            }
            try world.runUntilIdle()
        }
        #expect(
            log.lines == [
                "ready 1", "ready 2", "ready 3", "end 1", "end 2", "posted at the end",
                "end of the next turn",
            ])
    }

    @Test("a crash drops timers, posts and tasks; a restart boots again on the same disk")
    func crashDrops() throws {
        let log = Log()
        let counts = try World.simulate(seed: 1) { world in
            let process = world.addProcess("a")
            process.disk.prepareDirectory("/data")
            process.start { incarnation in
                log.add("boot \(incarnation.number) \(incarnation.files.exists("/data"))")
                let resident = Resident(loop: incarnation.loop, log: log)
                incarnation.loop.start(resident) {
                    await $0.tick(times: 3, every: .milliseconds(100))
                }
                incarnation.loop.schedule(after: .milliseconds(250)) { log.add("timer") }
            }
            world.schedule(after: .milliseconds(150)) {
                process.incarnation?.loop.post { log.add("never") }
                process.crash()
            }
            try world.run(until: .seconds(1))
            #expect(process.incarnation == nil)
            process.restart()
            try world.run(until: .seconds(2))
            return (process.crashCount, process.incarnation?.number)
        }
        #expect(counts == (1, 2))
        #expect(
            log.lines == [
                "boot 1 true", "tick 1", "boot 2 true", "tick 1", "tick 2", "timer", "tick 3",
            ])
    }

    @Test("a halt crashes the process and keeps its reason; what follows in the turn has no effect")
    func halt() throws {
        let log = Log()
        let reasons = try World.simulate(seed: 1) { world in
            let process = world.addProcess("a")
            process.start { incarnation in
                incarnation.halt.halt("the disk lies")
                incarnation.halt.halt("again")
                incarnation.loop.post { log.add("posted") }
                incarnation.loop.schedule(after: .zero) { log.add("timer") }
                incarnation.loop.atEndOfTurn { log.add("end of turn") }
                if (try? incarnation.files.open("/f", create: true)) != nil { log.add("written") }
            }
            try world.runUntilIdle()
            return process.haltReasons
        }
        #expect(reasons == ["the disk lies"])
        #expect(log.lines.isEmpty)
    }

    @Test("a worker does its work in order, and its results come in order to the loop")
    func worker() throws {
        for seed in 0..<50 as Range<UInt64> {
            let log = Log()
            try World.simulate(seed: seed) { world in
                world.addProcess("a").start { incarnation in
                    let worker = incarnation.makeWorker()
                    let loop = incarnation.loop
                    for number in 1...3 {
                        worker.submit {
                            log.add("work \(number)")
                            return number
                        } then: { result in
                            loop.preconditionIsolated()
                            log.add("result \(result)")
                        }
                    }
                }
                try world.runUntilIdle()
            }
            #expect(log.lines.count == 6)
            #expect(
                log.lines.filter { $0.hasPrefix("work") } == ["work 1", "work 2", "work 3"])
            #expect(
                log.lines.filter { $0.hasPrefix("result") } == ["result 1", "result 2", "result 3"])
        }
    }

    @Test("a crash may fall before the work, between work and completion, or after both")
    func workerCrash() throws {
        var histories: Set<[String]> = []
        for seed in 0..<400 as Range<UInt64> {
            let log = Log()
            var parameters = WorldParameters()
            parameters.workLatency = LatencyModel(microseconds: 0...100)
            parameters.completionLatency = LatencyModel(microseconds: 0...100)
            try World.simulate(seed: seed, parameters: parameters) { world in
                let process = world.addProcess("a")
                process.start { incarnation in
                    incarnation.makeWorker().submit {
                        log.add("work")
                    } then: {
                        log.add("completion")
                    }
                }
                let delay = Int64(world.random.next() % 200)
                world.schedule(after: .microseconds(delay)) { process.crash() }
                try world.runUntilIdle()
            }
            histories.insert(log.lines)
        }
        #expect(histories == [[], ["work"], ["work", "completion"]])
    }

    @Test("a paused process does nothing until it goes on, and a stalled disk holds up its workers")
    func pauseAndStall() throws {
        let log = Log()
        try World.simulate(seed: 1) { world in
            let process = world.addProcess("a")
            let note: @Sendable (String) -> Void = { text in
                log.add("\(text) after \(world.elapsedNanoseconds >= 2_000_000_000)")
            }
            process.start { incarnation in
                incarnation.loop.schedule(after: .seconds(1)) { note("timer") }
                incarnation.makeWorker().submit {
                    note("work")
                } then: {
                }
            }
            _ = try world.step()
            process.pause(for: .seconds(2))
            try world.runUntilIdle()
            process.stallWorkers(for: .seconds(3))
            process.incarnation?.loop.post {
                process.incarnation?.makeWorker().submit {
                    note("stalled")
                } then: {
                }
            }
            try world.run(until: .milliseconds(4900))
            log.add("still")
            try world.runUntilIdle()
        }
        #expect(Set(log.lines.prefix(2)) == ["timer after true", "work after true"])
        #expect(log.lines.dropFirst(2) == ["still", "stalled after true"])
    }

    @Test("clocks of two machines differ, each goes forward, and civil time may jump")
    func clocks() throws {
        try World.simulate(seed: 9) { world in
            let first = world.addProcess("a")
            let second = world.addProcess("b")
            let log = Log()
            for process in [first, second] {
                process.start { incarnation in
                    log.add("\(incarnation.loop.now.nanoseconds)")
                    log.add("\(incarnation.loop.wallTime.milliseconds)")
                }
            }
            try world.runUntilIdle()
            guard log.lines.count == 4, log.lines[0] != log.lines[2],
                log.lines[1] == "1767571200000"
            else { return world.fail("clocks \(log.lines)") }
            first.jumpWallClock(by: .seconds(-3600))
            let wall = first.incarnation?.loop.wallTime.milliseconds
            if wall != 1_767_571_200_000 - 3_600_000 { world.fail("no jump: \(wall ?? 0)") }
        }
    }
}
