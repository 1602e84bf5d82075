import Environment
import Testing
import Transport

/// Waiting on a loop without leaving it.
@Suite struct SuspensionTests {
    private actor Waiter {
        nonisolated let loop: UVLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor {
            loop.asUnownedSerialExecutor()
        }

        init(loop: UVLoop) {
            self.loop = loop
        }

        func waitForPosts(_ count: Int) async -> Int {
            var sum = 0
            for number in 0..<count {
                sum += await loop.suspend { (resumption: Resumption<Int>) in
                    loop.post { resumption.resume(returning: number) }
                }
                loop.checkIsolated()
            }
            return sum
        }

        func waitForNothing() async -> String {
            await loop.suspend { resumption in resumption.resume(returning: "at once") }
        }

        func resumeTwice() async {
            await loop.suspend { (resumption: Resumption<Void>) in
                resumption.resume()
                resumption.resume()
            }
        }
    }

    @Test("a task that is resumed goes on on its loop, and no other thread takes part")
    func staysOnTheLoop() async throws {
        try await withLoop { loop in
            let waiter = Waiter(loop: loop)
            let before = loop.counters
            #expect(await waiter.waitForPosts(1000) == 499_500)
            let after = loop.counters
            // One hand-over brings the caller's task here; a thousand suspensions bring none.
            #expect(after.wakeups - before.wakeups <= 2)
        }
    }

    @Test("a resumption that is used at once does not suspend")
    func early() async throws {
        try await withLoop { loop in
            #expect(await Waiter(loop: loop).waitForNothing() == "at once")
        }
    }

    @Test("a second use of a resumption ends the process")
    func twice() async {
        await #expect(processExitsWith: .failure) {
            try await withLoop { loop in await Waiter(loop: loop).resumeTwice() }
        }
    }
}
