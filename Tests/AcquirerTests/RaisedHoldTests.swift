import Acquirer
import ISO8583
import Testing

/// A hold that a second authorization with its reference raises.
struct RaisedHoldTests {
    private let original = Messages.request(trace: 1)
    private let rise = Messages.request(amount: 500, trace: 2)

    private func raised(overcapturePercent: Int64 = 0) -> AcquirerInstance {
        var host = AcquirerInstance(
            options: AcquirerInstance.Options(overcapturePercent: overcapturePercent))
        for message in [original, rise] { _ = host.answer(message) }
        return host
    }

    @Test("Captures draw on the hold and on what raised it, up to their sum")
    func capture() {
        var host = raised()
        #expect(host.code(Messages.capture(1200, trace: 3, of: original)) == "00")
        #expect(host.code(Messages.capture(301, trace: 4, of: original)) == "61")
        #expect(host.code(Messages.capture(300, trace: 5, of: original)) == "00")
        #expect(
            host.lines == [
                "auth 1000 captured captured 1000 refunded 0 reversed 0",
                "auth 500 captured captured 500 refunded 0 reversed 0",
            ])
    }

    @Test("A reversal of the rise gives back the rise alone")
    func reverseRise() {
        var host = raised()
        #expect(host.code(Messages.reversal(of: rise, trace: 3)) == "00")
        #expect(
            host.lines == [
                "auth 1000 approved captured 0 refunded 0 reversed 0",
                "auth 500 reversed captured 0 refunded 0 reversed 500",
            ])
        #expect(host.code(Messages.capture(1001, trace: 4, of: original)) == "61")
        #expect(host.code(Messages.reversal(of: original, trace: 5)) == "00")
        #expect(host.transactions.allSatisfy { $0.heldAmount == 0 })
    }

    @Test("A reversal down to what was captured gives back the rest of hold and rise, and once")
    func partialReversal() {
        for captured in [UInt64(300), 1000, 1200] {
            var host = raised()
            #expect(host.code(Messages.capture(captured, trace: 3, of: original)) == "00")
            let tooMuch = Messages.reversal(of: original, trace: 4, remaining: captured - 1)
            #expect(host.code(tooMuch) == "12")
            let rest = Messages.reversal(of: original, trace: 5, remaining: captured)
            #expect(host.code(rest) == "00")
            #expect(host.transactions.allSatisfy { $0.heldAmount == 0 })
            let approvals = host.transactions.compactMap(\.approval)
            #expect(approvals.reduce(0) { $0 + $1.capturedAmount } == Int64(captured))
            #expect(approvals.reduce(0) { $0 + $1.reversedAmount } == 1500 - Int64(captured))
            let lines = host.lines
            #expect(host.code(rest) == "00")
            #expect(host.lines == lines)
        }
    }

    @Test("The share above the hold counts from what is held in all, and is used up once")
    func overcapture() {
        var host = raised(overcapturePercent: 15)
        #expect(host.code(Messages.capture(1726, trace: 3, of: original)) == "61")
        #expect(host.code(Messages.capture(1600, trace: 4, of: original)) == "00")
        #expect(host.code(Messages.capture(126, trace: 5, of: original)) == "61")
        #expect(host.code(Messages.capture(125, trace: 6, of: original)) == "00")
        #expect(host.code(Messages.capture(1, trace: 7, of: original)) == "61")
        #expect(
            host.lines == [
                "auth 1000 captured captured 1225 refunded 0 reversed 0",
                "auth 500 captured captured 500 refunded 0 reversed 0",
            ])
        #expect(host.code(Messages.refund(1726, trace: 8, of: original)) == "13")
        #expect(host.code(Messages.refund(1725, trace: 9, of: original)) == "00")
    }
}
