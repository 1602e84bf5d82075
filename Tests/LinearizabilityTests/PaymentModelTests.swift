import Linearizability
import Primitives
import Testing

private typealias Command = PaymentModel.Command
private typealias Output = PaymentModel.Output
private typealias Status = PaymentModel.Status

/// What a merchant may see of a payment, and what it may not.
@Suite("Histories of payments")
struct PaymentModelTests {
    private func snapshot(
        _ status: Status, _ amount: Int64 = 1000, capturable: Int64 = 0, received: Int64 = 0,
        refunded: Int64? = 0, id: String = "pi_1"
    ) -> PaymentModel.Snapshot {
        PaymentModel.Snapshot(
            id: id, status: status, amount: amount, capturable: capturable, received: received,
            refunded: refunded)
    }

    private func held(_ amount: Int64 = 1000, received: Int64 = 0) -> PaymentModel.Snapshot {
        snapshot(.requiresCapture, amount, capturable: amount - received, received: received)
    }

    private static let manual = Command.create(
        amount: 1000, isManual: true, isFlexible: true, confirms: true)
    private static let automatic = Command.create(
        amount: 1000, isManual: false, isFlexible: false, confirms: true)

    /// One request after the other, a second apart: a command under its key, or a look.
    private func history(
        _ requests: [(command: Command?, key: String, answer: Output?)]
    ) -> PaymentHistory {
        PaymentHistory(
            requests.enumerated().map { place, request in
                let called = instant(Int64(place) * 10)
                return PaymentHistory.Request(
                    client: 1, payment: "c1-1",
                    question: request.command.map { .command($0, key: request.key) } ?? .retrieve,
                    answer: request.answer, called: called,
                    returned: request.answer == nil ? nil : instant(Int64(place) * 10 + 5))
            })
    }

    private func isAllowed(
        _ requests: [(command: Command?, key: String, answer: Output?)]
    ) -> Bool {
        history(requests).violation() == nil
    }

    private func look(_ snapshot: PaymentModel.Snapshot) -> (Command?, String, Output?) {
        (nil, "", .shown(snapshot))
    }

    @Test("A hold is raised, captured in parts and paid back")
    func everything() {
        let raised = Command.increment(total: 1500)
        let captured = snapshot(.succeeded, 1500, received: 1400)
        #expect(
            isAllowed([
                (Self.manual, "a", .shown(held())), look(held()),
                (raised, "b", .shown(held(1500))),
                (.capture(amount: 400, isFinal: false), "c", .shown(held(1500, received: 400))),
                (.capture(amount: 1000, isFinal: true), "d", .shown(captured)),
                (.refund(amount: 200), "e", .refund(number: 0, amount: 200)),
                (.cancel, "f", .refused("payment_intent_unexpected_state", nil)),
                look(snapshot(.succeeded, 1500, received: 1400, refunded: 200)),
                (.refund(amount: 1300), "g", .refused("amount_too_large", nil)),
            ]))
    }

    @Test("A hold that captures went beyond is not raised")
    func overcaptured() {
        let beyond = snapshot(.requiresCapture, received: 1100)
        let start: [(command: Command?, key: String, answer: Output?)] = [
            (Self.manual, "a", .shown(held())),
            (.capture(amount: 1100, isFinal: false), "b", .shown(beyond)),
        ]
        let raised = Command.increment(total: 1200)
        let refused = Output.refused("payment_intent_unexpected_state", beyond)
        #expect(isAllowed(start + [(raised, "c", refused), look(beyond)]))
        let shown = snapshot(.requiresCapture, 1200, capturable: 100, received: 1100)
        #expect(!isAllowed(start + [(raised, "c", .shown(shown))]))
    }

    @Test("A processor answers in its time, and a hold ends by itself")
    func byItself() {
        let waiting = (Self.manual, "a", Output.shown(snapshot(.processing)))
        #expect(isAllowed([waiting, look(snapshot(.processing)), look(held())]))
        #expect(isAllowed([waiting, look(snapshot(.requiresPaymentMethod))]))
        #expect(isAllowed([waiting, look(held()), look(snapshot(.canceled))]))
        #expect(!isAllowed([waiting, look(held()), look(snapshot(.requiresPaymentMethod))]))
        #expect(!isAllowed([waiting, look(snapshot(.canceled)), look(held())]))
        let part = Command.capture(amount: 300, isFinal: false)
        #expect(
            isAllowed([
                (Self.manual, "a", .shown(held())), (part, "b", .shown(held(received: 300))),
                look(snapshot(.succeeded, received: 300)),
            ]))
    }

    @Test("A payment that was declined can be confirmed again")
    func confirmAgain() {
        #expect(
            isAllowed([
                (Self.automatic, "a", .declined(snapshot(.requiresPaymentMethod))),
                (.confirm, "b", .shown(snapshot(.succeeded, received: 1000))),
                (.confirm, "c", .refused("payment_intent_unexpected_state", nil)),
            ]))
    }

    @Test("A stale read is found")
    func staleRead() {
        let paid = snapshot(.succeeded, received: 1000)
        #expect(
            !isAllowed([
                (Self.manual, "a", .shown(held())),
                (.capture(amount: 1000, isFinal: true), "b", .shown(paid)), look(held()),
            ]))
        #expect(
            !isAllowed([
                (Self.automatic, "a", .shown(paid)),
                (.refund(amount: 10), "b", .refund(number: 0, amount: 10)), look(paid),
            ]))
        #expect(!isAllowed([(Self.automatic, "a", .shown(paid)), (nil, "", .absent)]))
    }

    @Test("A write that was answered and is gone is found")
    func lostWrite() {
        #expect(
            !isAllowed([
                (Self.manual, "a", .shown(held())),
                (.capture(amount: 400, isFinal: false), "b", .shown(held(received: 400))),
                (.capture(amount: 500, isFinal: false), "c", .shown(held(received: 500))),
            ]))
        #expect(
            !isAllowed([
                (Self.automatic, "a", .shown(snapshot(.succeeded, received: 1000))),
                (.refund(amount: 10), "b", .refund(number: 0, amount: 10)),
                (.refund(amount: 20), "c", .refund(number: 0, amount: 20)),
            ]))
    }

    @Test("An effect that came twice under one key is found, and so is another answer to it")
    func twice() {
        let paid = snapshot(.succeeded, received: 1000)
        let refund = (Command.refund(amount: 10), "b", Output.refund(number: 0, amount: 10))
        let begun = [(Self.automatic, "a", Output.shown(paid)), refund]
        let once = snapshot(.succeeded, received: 1000, refunded: 10)
        let more = snapshot(.succeeded, received: 1000, refunded: 20)
        #expect(isAllowed(begun + [refund] + [look(once)]))
        #expect(!isAllowed(begun + [refund] + [look(more)]))
        #expect(!isAllowed(begun + [(refund.0, "b", .refund(number: 1, amount: 10))]))
        #expect(!isAllowed(begun + [(.refund(amount: 11), "b", refund.2)]))
        #expect(!isAllowed(begun + [look(snapshot(.succeeded, received: 1000, id: "pi_2"))]))
    }

    @Test("A request without an answer may have taken effect, or not, but not twice")
    func unknown() {
        let paid = snapshot(.succeeded, received: 1000)
        let open = (Command.refund(amount: 10), "b", Output?.none)
        let begun = [(Self.automatic, "a", Output?.some(.shown(paid))), open]
        let after = snapshot(.succeeded, received: 1000, refunded: 10)
        #expect(isAllowed(begun + [look(paid), look(after)]))
        #expect(isAllowed(begun + [look(paid), look(paid)]))
        #expect(!isAllowed(begun + [look(after), look(paid)]))
        let more = snapshot(.succeeded, received: 1000, refunded: 20)
        #expect(!isAllowed(begun + [look(more)]))
    }

    @Test("Requests at the same time may come in either order, in one order for all")
    func concurrent() {
        func request(
            _ question: PaymentHistory.Question, _ answer: Output, _ span: ClosedRange<Int64>
        ) -> PaymentHistory.Request {
            PaymentHistory.Request(
                client: 1, payment: "c1-1", question: question, answer: answer,
                called: instant(span.lowerBound), returned: instant(span.upperBound))
        }
        let create = request(.command(Self.manual, key: "a"), .shown(held()), 0...5)
        let cancel = request(.command(.cancel, key: "b"), .shown(snapshot(.canceled)), 10...40)
        let refusedCapture = request(
            .command(.capture(amount: 1000, isFinal: true), key: "c"),
            .refused("payment_intent_unexpected_state", snapshot(.canceled)), 10...40)
        let capture = request(
            .command(.capture(amount: 1000, isFinal: true), key: "c"),
            .shown(snapshot(.succeeded, received: 1000)), 10...40)
        #expect(PaymentHistory([create, cancel, refusedCapture]).violation() == nil)
        #expect(PaymentHistory([create, cancel, capture]).violation() != nil)
        // The effect of a capture is seen before its caller is told of it.
        let early = request(.retrieve, .shown(snapshot(.succeeded, received: 1000)), 15...20)
        let late = request(.retrieve, .shown(held()), 25...30)
        #expect(PaymentHistory([create, capture, early]).violation() == nil)
        #expect(PaymentHistory([create, capture, late]).violation() == nil)
        #expect(PaymentHistory([create, capture, early, late]).violation() != nil)
    }

    @Test("The text of a history")
    func lines() {
        let refund = PaymentHistory.Question.command(.refund(amount: 10), key: "c1-1-refund1")
        let refused = Output.refused("amount_too_large", held())
        let history = PaymentHistory([
            PaymentHistory.Request(
                client: 1, payment: "c1-1", question: refund,
                answer: .refund(number: 0, amount: 10), called: instant(3), returned: instant(4)),
            PaymentHistory.Request(
                client: 2, payment: "c1-1", question: .list, answer: nil, called: instant(5),
                returned: nil),
            PaymentHistory.Request(
                client: 2, payment: "c1-1",
                question: .command(.capture(amount: 2000, isFinal: true), key: "k"),
                answer: refused, called: instant(5), returned: instant(6)),
        ])
        let expected = [
            #"{"client":1,"op":"refund","in":{"key":"c1-1","request":"c1-1-refund1","#
                + #""amount":10},"out":{"refund":0,"amount":10},"call_ns":3,"return_ns":4}"#,
            #"{"client":2,"op":"list","in":{"key":"c1-1"},"out":null,"call_ns":5,"#
                + #""return_ns":null}"#,
            #"{"client":2,"op":"capture","in":{"key":"c1-1","request":"k","amount":2000,"#
                + #""final":true},"out":{"refused":"amount_too_large","shown":{"id":"pi_1","#
                + #""status":"requires_capture","amount":1000,"capturable":1000,"received":0,"#
                + #""refunded":0}},"call_ns":5,"return_ns":6}"#,
        ]
        let text = expected.map { $0 + "\n" }.joined()
        #expect(String(decoding: history.ndjson, as: UTF8.self) == text)
    }
}
