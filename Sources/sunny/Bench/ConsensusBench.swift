import CoreSimulator
import Primitives

/// Consensus in memory, on one thread: three instances, and the seeded world.
struct ConsensusBench {
    struct Row {
        let name: String
        let perSecond: Double
        let unit: String
    }

    static let payloadByteCount = 256
    private static let entryCount = 400_000

    func run() -> [Row] {
        [
            replicate(batch: 1), replicate(batch: 64), elections(), world(),
        ]
    }

    private func seconds(_ body: () -> Void) -> Double {
        let begun = ContinuousClock.now
        body()
        return Double((ContinuousClock.now - begun).wholeNanoseconds) / 1e9
    }

    /// Entries that the leader has committed, when each proposal brings `batch` of them.
    private func replicate(batch: Int) -> Row {
        var trio = InstanceTrio()
        trio.elect()
        let payload = [UInt8](repeating: 7, count: Self.payloadByteCount)
        let payloads = [[UInt8]](repeating: payload, count: batch)
        let rounds = Self.entryCount / max(batch, 4) / (batch == 1 ? 4 : 1)
        let took = seconds {
            for round in 0..<rounds {
                trio.propose(payloads)
                if round % 16 == 15 { trio.compact() }
            }
        }
        return Row(
            name: "replicate \(Self.payloadByteCount) bytes, \(batch) a proposal",
            perSecond: Double(rounds * batch) / took, unit: "entries")
    }

    private func elections() -> Row {
        let rounds = 5_000
        let took = seconds {
            for _ in 0..<rounds {
                var trio = InstanceTrio()
                trio.elect()
            }
        }
        return Row(
            name: "elect a leader of three", perSecond: Double(rounds) / took, unit: "elections")
    }

    private func world() -> Row {
        var eventCount: UInt64 = 0
        let took = seconds {
            for seed in UInt64(1)...40 {
                eventCount += CoreScenario.run(seed: seed).eventCount
            }
        }
        return Row(
            name: "seeded world, all checks on", perSecond: Double(eventCount) / took,
            unit: "events")
    }
}
