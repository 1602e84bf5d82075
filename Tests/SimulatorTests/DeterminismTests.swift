import Environment
import Primitives
import Simulator
import Testing

@Suite struct DeterminismTests {
    /// Three processes that talk, compute, write, sleep and crash.
    private static func busyRun(_ world: World) throws -> UInt64 {
        let names = ["a", "b", "c"]
        let processes = names.map { world.addProcess($0) }
        for process in processes {
            process.disk.prepareDirectory("/data")
            process.start { incarnation in
                let log = Log()
                let first = Resident(loop: incarnation.loop, log: log)
                let second = Resident(loop: incarnation.loop, log: log)
                incarnation.loop.start(first) { first in
                    await first.tick(times: 20, every: .milliseconds(37))
                    _ = await first.call(second)
                }
                let worker = incarnation.makeWorker()
                let files = incarnation.files
                for number in 0..<10 {
                    worker.submit {
                        guard let file = try? files.open("/data/\(number)", create: true) else {
                            return false
                        }
                        return (try? file.write(pattern(3000), at: 0)) != nil
                    } then: { _ in
                        log.add("written")
                    }
                }
                talk(incarnation, names)
            }
        }
        for _ in 0..<6 {
            let victim = processes[Int(world.random.next() % 3)]
            let delay = Duration.milliseconds(Int64(world.random.next() % 900))
            world.schedule(after: delay) { victim.restart() }
        }
        try world.run(until: .seconds(3))
        return world.traceHash
    }

    private static func talk(_ incarnation: Incarnation, _ names: [String]) {
        let collector = Collector()
        _ = try? incarnation.network.listen(on: SocketAddress(host: "", port: 7000)) {
            Collector(echoes: true).attach($0)
        }
        for name in names where name != incarnation.process.name {
            incarnation.network.connect(
                to: SocketAddress(host: name, port: 7000), timeout: .seconds(1)
            ) { result in
                guard case .success(let stream) = result else { return }
                collector.attach(stream)
                stream.write(incarnation.random.bytes(30_000))
            }
        }
    }

    @Test("one seed gives one history, and another seed another")
    func seedDecides() throws {
        var hashes: Set<UInt64> = []
        for seed in 1...100 as ClosedRange<UInt64> {
            let first = try World.simulate(seed: seed, Self.busyRun)
            let second = try World.simulate(seed: seed, Self.busyRun)
            #expect(first == second, "seed \(seed)")
            hashes.insert(first)
        }
        #expect(hashes.count == 100)
    }

    @Test("a trace line is given for every step and note")
    func traceLines() throws {
        let log = Log()
        var parameters = WorldParameters()
        parameters.onTraceLine = { log.add($0) }
        try World.simulate(seed: 1, parameters: parameters) { world in
            world.schedule(after: .seconds(1)) { world.note("the clock struck one") }
            try world.runUntilIdle()
        }
        #expect(log.lines.contains { $0.hasSuffix("1000000000 note the clock struck one") })
    }

    @Test("virtual time costs no time, and a run that does not end is ended")
    func limits() throws {
        let elapsed = try World.simulate(seed: 1) { world in
            world.schedule(after: .seconds(86_400 * 365)) {}
            try world.runUntilIdle(limit: .seconds(86_400 * 400))
            return world.elapsed
        }
        #expect(elapsed == .seconds(86_400 * 365))

        var parameters = WorldParameters()
        parameters.stepLimitPerInstant = 1000
        #expect(throws: WorldFailure.self) {
            try World.simulate(seed: 1, parameters: parameters) { world in
                let process = world.addProcess("a")
                process.start { incarnation in spin(incarnation.loop) }
                try world.run(until: .seconds(1))
            }
        }
    }

    @Test("a failed check ends the run even if the scenario does not look")
    func failureIsNotOverlooked() {
        #expect(throws: WorldFailure.self) {
            try World.simulate(seed: 1) { $0.fail("money was lost") }
        }
    }

    @Test("what is ready in two processes at one instant runs in an order that the seed gives")
    func interleavings() throws {
        var orders: Set<[String]> = []
        for seed in 0..<64 as Range<UInt64> {
            let lines = try World.simulate(seed: seed) { world in
                let log = Log()
                for name in ["a", "b"] {
                    world.addProcess(name).start { incarnation in
                        for number in 1...2 {
                            incarnation.loop.post { log.add("\(name)\(number)") }
                        }
                    }
                }
                try world.runUntilIdle()
                return log.lines
            }
            #expect(lines.filter { $0.hasPrefix("a") } == ["a1", "a2"])
            #expect(lines.filter { $0.hasPrefix("b") } == ["b1", "b2"])
            orders.insert(lines)
        }
        #expect(orders.count == 6)
    }
}

private func spin(_ loop: SimulatedLoop) {
    loop.post { spin(loop) }
}
