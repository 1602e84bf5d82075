import Cluster
import Testing

@Suite("Asks")
struct AskTableTests {
    /// A peer may answer the node's next life what the one before has asked.
    @Test("an ask has a number that no other has, in any life of its node")
    func numbers() {
        var numbers: Set<UInt64> = []
        for seed in 0..<100 as Range<UInt64> {
            var asks = AskTable(seed: seed)
            for _ in 0..<100 { numbers.insert(asks.nextID()) }
        }
        #expect(numbers.count == 100 * 100)
        #expect(!numbers.contains(0))
    }
}
