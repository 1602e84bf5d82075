import Payments
import Primitives
import Testing

/// The bytes of version 1. What stands in logs and databases has these forms: a test that fails here
/// asks for a new version of the envelope, not for new text.
@Suite("Version 1 of the binary form")
struct GoldenTests {
    @Test("of each event is pinned")
    func events() {
        #expect(Samples.events.count == Self.events.count)
        for (event, golden) in zip(Samples.events, Self.events) {
            #expect(hex(event.encoded) == golden)
        }
    }

    @Test("of a payment is pinned")
    func payment() {
        #expect(hex(Samples.payment.encoded) == Self.payment)
    }

    private static let events: [String] = []
    private static let payment = ""
}
