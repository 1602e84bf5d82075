import Environment
import Primitives
import Synchronization
import Testing
import Transport

@Suite struct WorkerThreadTests {
    @Test("work runs in order on one thread, and its completions in that order on the loop")
    func keepsOrder() async throws {
        try await withLoop { loop in
            let worker = try WorkerThread(name: "worker", loop: loop)
            let transcript = Transcript()
            await withCheckedContinuation { continuation in
                for number in 0..<500 {
                    worker.submit {
                        transcript.add("work \(number)")
                        return loop.isCurrent
                    } then: { wasOnLoop in
                        #expect(!wasOnLoop)
                        #expect(loop.isCurrent)
                        transcript.add("done \(number)")
                        if number == 499 { continuation.resume() }
                    }
                }
            }
            let lines = transcript.lines
            #expect(lines.filter { $0.hasPrefix("work") } == (0..<500).map { "work \($0)" })
            #expect(lines.filter { $0.hasPrefix("done") } == (0..<500).map { "done \($0)" })
            worker.stop()
            #expect(worker.queuedCount == 0)
        }
    }

    @Test("stopping runs what was submitted before and nothing after")
    func drains() async throws {
        try await withLoop { loop in
            let worker = try WorkerThread(name: "drained", loop: loop)
            let done = Mutex(0)
            for _ in 0..<300 {
                worker.submit {
                    done.withLock { $0 += 1 }
                } then: {
                }
            }
            worker.stop()
            #expect(done.withLock { $0 } == 300)
            worker.submit {
                done.withLock { $0 += 1 }
            } then: {
            }
            worker.stop()
            #expect(done.withLock { $0 } == 300)
        }
    }

    @Test("a caller that awaits a result gets it")
    func awaits() async throws {
        try await withLoop { loop in
            let worker = try WorkerThread(name: "awaited", loop: loop)
            let answer = await withCheckedContinuation { continuation in
                worker.submit {
                    6 * 7
                } then: {
                    continuation.resume(returning: $0)
                }
            }
            #expect(answer == 42)
            worker.stop()
        }
    }
}

@Suite struct ProcessTests {
    @Test("halting writes one line, skips exit handlers, and leaves with status 70")
    func halts() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(ProcessHalt.exitStatus),
            observing: [\.standardErrorContent]
        ) {
            ProcessHalt().halt("fdatasync failed:\nerrno 5")
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.hasSuffix("sunny: halted: fdatasync failed: errno 5\n"))
    }

    @Test("the system's random source does not repeat itself")
    func isRandom() {
        let source = SystemRandom()
        #expect(Set((0..<1000).map { _ in source.next() }).count == 1000)
        #expect(source.bytes(33).count == 33)
    }
}
