import Foundation
import Glibc
import Primitives
import Simulator
import Testing

// One function for each way to the machine's clock and chance, so that its name can be looked for.
// Each does something with what it gets: a call in the last place leaves no frame of its caller.

@inline(never) private func askContinuousClock() -> Bool {
    ContinuousClock().now.duration(to: ContinuousClock().now) >= .zero
}
@inline(never) private func askSuspendingClock() -> Bool {
    SuspendingClock().now.advanced(by: .seconds(1)) > SuspendingClock().now
}
@inline(never) private func askDate() -> Bool { Date().timeIntervalSince1970 > 0 }
@inline(never) private func askUUID() -> Bool { UUID().uuidString.isEmpty }
@inline(never) private func askSystemGenerator() -> Bool {
    var generator = SystemRandomNumberGenerator()
    return generator.next() & 1 == 0
}
@inline(never) private func askRandomElement() -> Bool { [1, 2, 3].randomElement() == 2 }
@inline(never) private func askDispatchTime() -> Bool {
    DispatchTime.now().uptimeNanoseconds & 1 == 0
}
@inline(never) private func askClockGetTime() -> Bool {
    var time = timespec()
    return clock_gettime(CLOCK_MONOTONIC, &time) == 0
}
@inline(never) private func askGetTimeOfDay() -> Bool {
    var time = timeval()
    return gettimeofday(&time, nil) == 0
}
@inline(never) private func askTime() -> Bool { time(nil) & 1 == 0 }
@inline(never) private func askGetEntropy() -> Bool {
    var word: UInt64 = 0
    return getentropy(&word, 8) == 0
}
@inline(never) private func askArc4Random() -> Bool { arc4random() & 1 == 0 }
@inline(never) private func askDevice() -> Bool { close(open("/dev/urandom", O_RDONLY)) == 0 }

@Suite struct MachineCallTests {
    struct Planted: Sendable, CustomTestStringConvertible {
        let function: String
        let source: String
        let ask: @Sendable () -> Bool

        init(_ function: String, _ source: String, _ ask: @escaping @Sendable () -> Bool) {
            self.function = function
            self.source = source
            self.ask = ask
        }

        var testDescription: String { function }
    }

    static let planted = [
        Planted("askContinuousClock", "clock_gettime") { askContinuousClock() },
        Planted("askSuspendingClock", "clock_gettime") { askSuspendingClock() },
        Planted("askDate", "clock_gettime") { askDate() },
        Planted("askUUID", "open of /dev/urandom") { askUUID() },
        Planted("askSystemGenerator", "getrandom") { askSystemGenerator() },
        Planted("askRandomElement", "getrandom") { askRandomElement() },
        Planted("askDispatchTime", "clock_gettime") { askDispatchTime() },
        Planted("askClockGetTime", "clock_gettime") { askClockGetTime() },
        Planted("askGetTimeOfDay", "gettimeofday") { askGetTimeOfDay() },
        Planted("askTime", "time") { askTime() },
        Planted("askGetEntropy", "getentropy") { askGetEntropy() },
        Planted("askArc4Random", "arc4random") { askArc4Random() },
        Planted("askDevice", "open of /dev/urandom") { askDevice() },
    ]

    /// The call that ends a run in which `ask` runs on the loop of process `a`.
    private func endingCall(_ ask: @escaping @Sendable () -> Bool) -> MachineCall? {
        do {
            try World.simulate(seed: 3) { world in
                world.addProcess("a").start { incarnation in
                    incarnation.loop.post { _ = ask() }
                }
                try world.runUntilIdle()
            }
            return nil
        } catch WorldFailure.machineAsked(let call) {
            return call
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    @Test(
        "whoever asks the machine's clock or chance ends the run and is named", arguments: planted)
    func named(planted: Planted) throws {
        let call = try #require(endingCall(planted.ask))
        #expect(call.source == planted.source)
        #expect(call.loop == "a#1")
        #expect(call.functions.contains { $0.contains(planted.function) }, "\(call)")
        #expect(call.description.contains(planted.function))
    }

    @Test("a scenario may not ask either, nor an actor, nor blocking work")
    func everywhere() {
        #expect(throws: WorldFailure.self) {
            try World.simulate(seed: 1) { world in
                world.schedule(after: .seconds(1)) { _ = askContinuousClock() }
                try world.runUntilIdle()
            }
        }
        #expect(throws: WorldFailure.self) {
            try World.simulate(seed: 1) { world in
                world.addProcess("a").start { incarnation in
                    let resident = Resident(loop: incarnation.loop)
                    incarnation.loop.start(resident) { _ in _ = askSystemGenerator() }
                }
                try world.runUntilIdle()
            }
        }
        #expect(throws: WorldFailure.self) {
            try World.simulate(seed: 1) { world in
                world.addProcess("a").start { incarnation in
                    incarnation.makeWorker().submit {
                        askTime()
                    } then: { _ in
                    }
                }
                try world.runUntilIdle()
            }
        }
    }

    @Test("the world's own clock and chance are free, and other threads ask as ever")
    func innocent() throws {
        let before = ContinuousClock().now
        try World.simulate(seed: 1) { world in
            world.addProcess("a").start { incarnation in
                let (loop, random) = (incarnation.loop, incarnation.random)
                loop.post { _ = (loop.now, loop.wallTime, random.bytes(16), "a".hashValue) }
            }
            try world.runUntilIdle()
        }
        #expect(ContinuousClock().now >= before)
        #expect(UUID() != UUID())
        #expect(UInt64.random(in: 0...(.max)) != UInt64.random(in: 0...(.max)))
    }
}
