import Environment
import Primitives
import Simulator
import Testing

@Suite struct NetworkTests {
    @Test("bytes arrive complete and in order, in pieces of the network's choice")
    func order() throws {
        for seed in 0..<40 as Range<UInt64> {
            let echoed = try World.simulate(seed: seed) { world in
                let pair = try Pair(world, echoes: true)
                for start in stride(from: 0, to: 400_000, by: 40_000) {
                    pair.onClient { $0.write(Array(pattern(400_000)[start..<start + 40_000])) }
                }
                try world.run(for: .seconds(5))
                return (pair.client.bytes, pair.client.pieces, pair.errors.lines)
            }
            #expect(echoed.0 == pattern(400_000))
            #expect(echoed.1 > 1)
            #expect(echoed.2.isEmpty)
        }
    }

    @Test("a connection nobody listens for is refused, an unknown host is unreachable")
    func refused() throws {
        let log = Log()
        try World.simulate(seed: 1) { world in
            let process = world.addProcess("a")
            let off = world.addProcess("off")
            off.crash()
            process.start { incarnation in
                for host in ["a", "nobody", "off"] {
                    incarnation.network.connect(
                        to: SocketAddress(host: host, port: 1), timeout: .seconds(2)
                    ) { result in
                        if case .failure(let error) = result { log.add("\(host) \(error)") }
                    }
                }
            }
            try world.runUntilIdle()
        }
        #expect(
            Set(log.lines) == [
                "a refused", "nobody unreachable(reason: \"unknown host nobody\")", "off timedOut",
            ])
    }

    @Test("an address is listened on once, port 0 gives a free one, a closed listener refuses")
    func listen() throws {
        let log = Log()
        try World.simulate(seed: 1) { world in
            world.addProcess("a").start { incarnation in
                let any = SocketAddress(host: "0.0.0.0", port: 0)
                do {
                    let first = try incarnation.network.listen(on: any) { _ in }
                    let second = try incarnation.network.listen(on: any) { _ in }
                    log.add("\(first.address != second.address) \(first.address.host)")
                    first.close()
                    incarnation.network.connect(to: first.address, timeout: .seconds(1)) {
                        if case .failure(let error) = $0 { log.add("\(error)") }
                    }
                    _ = try incarnation.network.listen(on: second.address) { _ in }
                } catch {
                    log.add("\(error)")
                }
            }
            try world.runUntilIdle()
        }
        #expect(
            log.lines == [
                "true a", "cannotListen(reason: \"address already in use\")", "refused",
            ])
    }

    @Test("a reader that pauses makes the writer's queue grow, and all comes when it goes on")
    func backPressure() throws {
        let result = try World.simulate(seed: 4) { world in
            let pair = try Pair(world, serverIsPaused: true)
            pair.onClient { $0.write(pattern(1_000_000)) }
            try world.run(for: .seconds(60))
            let queued = pair.client.stream?.unsentByteCount
            let before = pair.server.bytes.count
            pair.onServer { $0.resumeReading() }
            try world.run(for: .seconds(5))
            return (
                queued, before, pair.server.bytes == pattern(1_000_000), pair.client.drained,
                pair.client.ends
            )
        }
        #expect(result.0 == 1_000_000 - 256 * 1024)
        #expect(result.1 == 0)
        #expect(result.2)
        #expect(result.3 == 1)
        #expect(result.4.isEmpty)
    }

    @Test("close sends what is queued, then both sides end once")
    func close() throws {
        let result = try World.simulate(seed: 2) { world in
            let pair = try Pair(world)
            pair.onClient { stream in
                stream.write(pattern(600_000))
                stream.close()
                stream.write([1])
            }
            try world.run(for: .seconds(5))
            return (pair.server.bytes == pattern(600_000), pair.server.ends, pair.client.ends)
        }
        #expect(result.0)
        #expect(result.1 == [.closedByPeer])
        #expect(result.2 == [.closedHere])
    }

    @Test("abort resets the peer, and a reset of the link ends both sides")
    func resets() throws {
        let aborted = try World.simulate(seed: 2) { world in
            let pair = try Pair(world)
            pair.onClient { $0.abort() }
            try world.run(for: .seconds(5))
            return (pair.server.ends, pair.client.ends)
        }
        let reset = StreamEnd.failed(.reset(reason: "connection reset by peer"))
        #expect(aborted == ([reset], [.closedHere]))
        let broken = try World.simulate(seed: 2) { world in
            let pair = try Pair(world)
            world.fabric.resetStreams(pair.a, pair.b)
            try world.run(for: .seconds(5))
            return (pair.server.ends, pair.client.ends)
        }
        #expect(broken == ([reset], [reset]))
    }

    @Test("a partition holds bytes back until it heals; past the limit the stream breaks")
    func partition() throws {
        for isOneWay in [false, true] {
            let healed = try World.simulate(seed: 6) { world in
                let pair = try Pair(world)
                world.fabric.cut(from: pair.a, to: pair.b)
                if !isOneWay { world.fabric.cut(from: pair.b, to: pair.a) }
                for start in stride(from: 0, to: 9000, by: 1000) {
                    pair.onClient { $0.write(Array(pattern(9000)[start..<start + 1000])) }
                }
                pair.onServer { $0.write(pattern(100)) }
                try world.run(for: .seconds(10))
                let heard = pair.client.bytes.count
                let before = pair.server.bytes.count
                world.fabric.heal(pair.a, pair.b)
                try world.run(for: .seconds(10))
                let isWhole =
                    pair.server.bytes == pattern(9000) && pair.client.bytes == pattern(100)
                return (heard, before, isWhole, pair.client.ends)
            }
            #expect(healed.0 == (isOneWay ? 100 : 0))
            #expect(healed.1 == 0)
            #expect(healed.2)
            #expect(healed.3.isEmpty)
        }
        let broken = try World.simulate(seed: 6) { world in
            let pair = try Pair(world)
            world.fabric.partition(pair.a, pair.b)
            pair.onClient { $0.write([1]) }
            try world.run(for: .seconds(30))
            return pair.client.ends
        }
        #expect(broken == [.failed(.reset(reason: "no acknowledgement"))])
    }

    @Test("a stall delays a connection's bytes and ends by itself")
    func stall() throws {
        let result = try World.simulate(seed: 6) { world in
            let pair = try Pair(world)
            world.fabric.stall(from: pair.a, to: pair.b, for: .seconds(3))
            pair.onClient { $0.write(pattern(5000)) }
            try world.run(for: .seconds(2))
            let before = pair.server.bytes.count
            try world.run(for: .seconds(2))
            return (before, pair.server.bytes == pattern(5000))
        }
        #expect(result == (0, true))
    }

    @Test("after a peer's power loss a stream is reset or half open, and breaks when it is used")
    func powerLossOfPeer() throws {
        var atOnce: Set<Int> = []
        for seed in 0..<40 as Range<UInt64> {
            let result = try World.simulate(seed: seed) { world in
                let pair = try Pair(world)
                pair.b.crash()
                try world.run(for: .seconds(5))
                let before = pair.client.ends.count
                pair.onClient { $0.write([1]) }
                try world.run(for: .seconds(30))
                return (before, pair.client.ends, pair.server.ends)
            }
            atOnce.insert(result.0)
            #expect(result.1.count == 1)
            #expect(result.2.isEmpty)
        }
        #expect(atOnce == [0, 1])
    }

    @Test("a machine that came back resets the streams of its former life")
    func halfOpenMeetsRestart() throws {
        for seed in 0..<40 as Range<UInt64> {
            let ends = try World.simulate(seed: seed) { world in
                let pair = try Pair(world)
                pair.b.restart()
                try world.run(for: .seconds(1))
                pair.onClient { $0.write([1]) }
                try world.run(for: .seconds(2))
                return pair.client.ends
            }
            #expect(ends == [.failed(.reset(reason: "connection reset by peer"))])
        }
    }

    @Test("a killed process's peers are told by its system")
    func killOfPeer() throws {
        var ends: Set<StreamEnd> = []
        for seed in 0..<40 as Range<UInt64> {
            let told = try World.simulate(seed: seed) { world in
                let pair = try Pair(world)
                pair.b.crash(.kill)
                try world.run(for: .seconds(1))
                return pair.client.ends
            }
            #expect(told.count == 1)
            ends.formUnion(told)
        }
        #expect(
            ends == [.closedByPeer, .failed(.reset(reason: "connection reset by peer"))])
    }
}
