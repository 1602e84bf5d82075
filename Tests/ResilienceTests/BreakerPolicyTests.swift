import Resilience
import Testing

@Suite("A breaker's policy")
struct BreakerPolicyTests {
    @Test("a policy that makes no sense is refused by the name of its fault")
    func policies() throws {
        #expect(throws: BreakerPolicy.Fault.window) { try BreakerPolicy(window: .calls(0)) }
        #expect(throws: BreakerPolicy.Fault.window) { try BreakerPolicy(window: .calls(1025)) }
        #expect(throws: BreakerPolicy.Fault.callCountMin) {
            try BreakerPolicy(window: .calls(4), callCountMin: 5)
        }
        #expect(throws: BreakerPolicy.Fault.failurePercent) {
            try BreakerPolicy(failurePercent: 101)
        }
        #expect(throws: BreakerPolicy.Fault.unknownPercent) {
            try BreakerPolicy(unknownPercent: 0)
        }
        #expect(throws: BreakerPolicy.Fault.consecutiveFailureCount) {
            try BreakerPolicy(consecutiveFailureCount: 0)
        }
        #expect(throws: BreakerPolicy.Fault.openDuration) {
            try BreakerPolicy(openDurationMin: .seconds(2), openDurationMax: .seconds(1))
        }
        #expect(throws: BreakerPolicy.Fault.decayInterval) {
            try BreakerPolicy(decayInterval: .zero)
        }
        #expect(throws: BreakerPolicy.Fault.probeCountMax) {
            try BreakerPolicy(probeCountMax: 0)
        }
        #expect(throws: BreakerPolicy.Fault.probeSuccessCount) {
            try BreakerPolicy(probeSuccessCount: 65)
        }
        #expect(throws: BreakerPolicy.Fault.probeLifetime) {
            try BreakerPolicy(probeLifetime: .seconds(-1))
        }
        #expect(throws: BreakerPolicy.Fault.window) {
            try BreakerPolicy(window: .time(bucketCount: 65, bucketWidth: .seconds(1)))
        }
        #expect(throws: BreakerPolicy.Fault.window) {
            try BreakerPolicy(window: .time(bucketCount: 10, bucketWidth: .microseconds(1)))
        }
        #expect(throws: BreakerPolicy.Fault.slowCallDuration) {
            try BreakerPolicy(slowCallDuration: .zero)
        }
        #expect(throws: BreakerPolicy.Fault.slowPercent) { try BreakerPolicy(slowPercent: 0) }
        #expect(throws: BreakerPolicy.Fault.halfOpenDurationMax) {
            try BreakerPolicy(halfOpenDurationMax: .seconds(86_401))
        }
        #expect(throws: BreakerPolicy.Fault.slowStart) {
            try BreakerPolicy(slowStart: .init(duration: .seconds(1), percentMin: 0))
        }
        #expect(throws: Never.self) { try BreakerPolicy() }
    }
}
