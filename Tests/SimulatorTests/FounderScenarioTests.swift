import Simulator
import Testing

@Suite struct FounderScenarioTests {
    /// It came back with a state that knew of nobody else, and linked with nobody: whom it might
    /// link with only they could have told it.
    @Test("a founder that loses power as others have joined comes back among them")
    func losesPower() throws {
        for seed: UInt64 in 1...40 {
            let verdict = try FounderScenario.run(seed: seed)
            #expect(verdict.violations == [], "seed \(seed)")
            #expect(verdict.paymentCount == 15, "seed \(seed)")
        }
    }
}
