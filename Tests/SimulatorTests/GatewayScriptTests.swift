import Linearizability
import Simulator
import Testing

/// What breaks in a run, as text; and a failing run cut down to what its failure needs.
@Suite struct GatewayScriptTests {
    private func options(
        _ nodeCount: Int = 1, flaw: PlantedFlaw? = nil
    ) -> GatewayScenario.Options {
        var options = GatewayScenario.Options()
        options.nodeCount = nodeCount
        options.flaw = flaw
        return options
    }

    @Test("a script is read as it was written")
    func text() throws {
        for seed in 1...30 as ClosedRange<UInt64> {
            let script = try GatewayScenario.script(seed: seed, options: options(3))
            #expect(!script.faults.isEmpty)
            let read = try GatewayScript("# of a seed\n\n" + script.text)
            #expect(read == script, "seed \(seed)")
        }
    }

    @Test(
        "what is no script is refused with its line",
        arguments: [
            ("nodes 2", 1), ("nodes 3\n5 kill node4 10", 2), ("payments", 1), ("payments 0", 1),
            ("clients 1000", 1), ("5 kill node1", 1), ("5 kill node1 -1", 1),
            ("5 stop acquirer 7", 1), ("5 cut node1 node1 7", 1), ("5 host fly", 1),
            ("5 host reset", 1), ("5 quiet 7", 1), ("-5 quiet", 1), ("5 dance node1 7", 1),
            ("5 clock node1 -9223372036854775808", 1), ("5", 1), ("x y", 1),
        ])
    func refused(text: String, line: Int) {
        do {
            _ = try GatewayScript(text)
            Issue.record("\(text) was read")
        } catch {
            #expect(error.line == line)
        }
    }

    @Test("a seed's script, played, is the seed's run")
    func replay() throws {
        let script = try GatewayScenario.script(seed: 5, options: options(3))
        let drawn = try GatewayScenario.run(seed: 5, options: options(3))
        let read = try GatewayScript(script.text)
        let played = try GatewayScenario.run(seed: 5, options: options().playing(read))
        #expect(played.traceHash == drawn.traceHash)
        #expect(played.faultCounts == drawn.faultCounts)
        #expect(!drawn.faultCounts.isEmpty)
    }

    @Test("a check is known by its words, not by names and amounts")
    func checkNames() {
        #expect(
            GatewayShrinker.check(of: "P2 pi_7: the issuer holds 3 and should hold 0; x")
                == "P2 the issuer holds and should")
        #expect(
            GatewayShrinker.check(of: "c0-3-create: a replay with other bytes, 7.5 seconds")
                == "a replay with other bytes, seconds")
    }

    @Test("looks out of an old cache are found, and need no fault")
    func staleLooks() throws {
        let options = options(flaw: .staleLooks)
        let verdict = try GatewayScenario.run(seed: 1, options: options)
        let violation = try #require(verdict.violations.first { $0.hasPrefix("P4") })
        let script = try GatewayScenario.script(seed: 1, options: options)
        var shrinker = GatewayShrinker(
            seed: 1, options: options, script: script, violation: violation)
        let result = try shrinker.shrink()
        #expect(result.script.faults.isEmpty)
        #expect(result.script.paymentCount < 5)
    }

    @Test("keys that change with each try are found, and what is left of the faults is few")
    func freshKeys() throws {
        let options = options(flaw: .freshKeys)
        var shrunkCount = 0
        for seed in 1...6 as ClosedRange<UInt64> where shrunkCount < 2 {
            let verdict = try GatewayScenario.run(seed: seed, options: options)
            guard let violation = verdict.violations.first else { continue }
            let script = try GatewayScenario.script(seed: seed, options: options)
            var shrinker = GatewayShrinker(
                seed: seed, options: options, script: script, violation: violation,
                runCountMax: 60)
            let result = try shrinker.shrink()
            #expect(result.script.faults.count <= 3, "seed \(seed)")
            #expect(result.script.faults.count < script.faults.count)
            let read = try GatewayScript(result.script.text)
            let again = try GatewayScenario.run(seed: seed, options: options.playing(read))
            let checks = again.violations.map(GatewayShrinker.check)
            #expect(checks.contains(GatewayShrinker.check(of: violation)), "seed \(seed)")
            shrunkCount += 1
        }
        #expect(shrunkCount == 2)
    }

    @Test("what clients saw is in the verdict, request by request")
    func history() throws {
        let verdict = try GatewayScenario.run(seed: 2, options: options(3))
        let requests = verdict.history.requests
        #expect(requests.count > 400)
        #expect(requests.contains { $0.question == .list && $0.answer != nil })
        let keys = requests.compactMap { request -> String? in
            if case .command(_, let key) = request.question { key } else { nil }
        }
        // Two programs asked the same under one key.
        #expect(Set(keys).count < keys.count)
        let lines = verdict.history.ndjson.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == requests.count)
        #expect(verdict.violations.isEmpty)
    }
}
