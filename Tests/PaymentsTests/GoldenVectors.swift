import Payments
import Primitives

/// The golden vectors as text: the binary forms, and walks of payments step by step. Swift compares
/// it here; the WebAssembly module of the same sources is held against the same file elsewhere.
///
/// A line is a name and, after a blank, a value; bytes are written in hexadecimal. `walk` and
/// `step` have titles. A step has a command and its context, and then what came of it: either a
/// refusal, or the sequence of the next trace, the events, and the state after them.
enum GoldenVectors {
    static var text: String {
        let forms =
            Samples.events.map { "event \(hex($0.encoded))" }
            + ["state \(hex(Samples.payment.encoded))"]
            + Samples.commands.map { "command \(hex($0.encoded))" }
        let lines = ["forms"] + forms + walks.flatMap { text(of: $0) }
        return header + lines.joined(separator: "\n") + "\n"
    }

    private static let header = """
        # Golden vectors, version 1 of the binary forms. What stands in logs and databases has these
        # forms: an event's or a state's line changes only with a new version of its envelope.
        # Tests/PaymentsTests/GoldenVectors.swift says what the lines are; a run with
        # SUNNY_RECORD=1 writes them.

        """

    private static func text(of walk: GoldenWalk) -> [String] {
        var run = walk.start
        var lines = [
            "walk \(walk.title)", "created \(hex(PaymentEvent.created(run.facts).encoded))",
            "state \(hex(run.payment.encoded))",
        ]
        for (title, command) in walk.steps {
            lines += ["step \(title)", "command \(hex(command.encoded))"]
            lines.append("context \(hex(run.contextBytes))")
            switch run.run(command) {
            case .failure(let refusal):
                lines.append("refusal \(hex(refusal.encoded))")
            case .success(let events):
                lines.append("next \(run.traces.next)")
                lines += events.map { "event \(hex($0.encoded))" }
                lines.append("state \(hex(run.payment.encoded))")
            }
        }
        return lines
    }
}

/// A new payment, and what is done to it.
private struct GoldenWalk {
    let title: String
    let start: Walk
    let steps: [(String, PaymentCommand)]

    init(_ title: String, _ start: Walk, _ steps: KeyValuePairs<String, PaymentCommand>) {
        self.title = title
        self.start = start
        self.steps = steps.map { ($0.key, $0.value) }
    }
}

extension Walk {
    /// How the payment began.
    fileprivate var facts: PaymentCreated {
        PaymentCreated(
            id: payment.id, merchant: payment.merchant, isLive: payment.isLive,
            at: payment.created, terms: payment.terms, clientSecret: payment.clientSecret,
            method: payment.method)
    }

    /// What a decision looks at, as `Tests/WebAssembly/Exports.swift` reads it.
    fileprivate var contextBytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(now)
        writer.writeOptional(link)
        writer.writeSigned(fees.basisPoints)
        writer.writeSigned(fees.fixedMinorUnits)
        writer.writeVarint(UInt64(traces.shard))
        writer.writeVarint(traces.next)
        return writer.bytes
    }

    fileprivate static var withoutLink: Walk {
        var walk = Walk()
        walk.link = nil
        return walk
    }
}

extension GoldenVectors {
    /// Every row of the table at the head of `Payment.swift`, and every refusal of a merchant.
    private static let walks: [GoldenWalk] = [
        GoldenWalk(
            "paid at once, and paid back in parts", Walk(.automatic, method: nil),
            [
                "confirm without a card": .confirm(method: nil),
                "confirm": .confirm(method: Fixture.visa),
                "confirm again": .confirm(method: nil),
                "capture while processing": .capture(amount: nil),
                "cancel while processing": .cancel(reason: nil),
                "approved": .answered(.authorization(attempt: 0), Fixture.approval),
                "approved again, late": .approvedLate(.authorization(attempt: 0)),
                "refund too much": .refund(amount: 1001, reason: nil, metadata: []),
                "refund nothing": .refund(amount: 0, reason: nil, metadata: []),
                "refund a part": .refund(
                    amount: 300, reason: .requestedByCustomer, metadata: Samples.metadata),
                "refund the rest": .refund(amount: nil, reason: nil, metadata: []),
                "refund what is gone": .refund(amount: nil, reason: nil, metadata: []),
                "the part acknowledged": .effectAcknowledged(number: 0),
                "the rest refused": .effectRefused(number: 1, responseCode: "57"),
                "acknowledged twice": .effectAcknowledged(number: 0),
                "confirm what is paid": .confirm(method: nil),
                "cancel what is paid": .cancel(reason: .abandoned),
            ]),
        GoldenWalk(
            "held, and captured in part", Walk(),
            [
                "capture before there is a hold": .capture(amount: nil),
                "refund before there is a hold": .refund(amount: nil, reason: nil, metadata: []),
                "confirm": .confirm(method: nil),
                "approved": .answered(.authorization(attempt: 0), Fixture.approval),
                "capture too much": .capture(amount: 1001),
                "capture nothing": .capture(amount: 0),
                "capture a part": .capture(amount: 400),
                "the capture acknowledged": .effectAcknowledged(number: 0),
                "the release acknowledged": .effectAcknowledged(number: 1),
                "capture again": .capture(amount: nil),
            ]),
        GoldenWalk(
            "captured, and refused by the acquirer", Walk(),
            [
                "confirm": .confirm(method: nil),
                "approved": .answered(.authorization(attempt: 0), Fixture.approval),
                "capture": .capture(amount: nil),
                "refund": .refund(amount: nil, reason: .duplicate, metadata: []),
                "the capture refused": .effectRefused(number: 0, responseCode: "12"),
                "refund what is not there": .refund(amount: nil, reason: nil, metadata: []),
            ]),
        GoldenWalk(
            "held, and canceled", Walk(),
            [
                "confirm": .confirm(method: nil),
                "approved": .answered(.authorization(attempt: 0), Fixture.approval),
                "confirm what is held": .confirm(method: nil),
                "refund what is held": .refund(amount: nil, reason: nil, metadata: []),
                "cancel": .cancel(reason: .requestedByCustomer),
                "the reversal acknowledged": .effectAcknowledged(number: 0),
                "confirm what is canceled": .confirm(method: nil),
                "capture what is canceled": .capture(amount: nil),
                "cancel again": .cancel(reason: nil),
            ]),
        GoldenWalk(
            "declined, not sent, and then paid with another card", Walk(.automatic),
            [
                "confirm": .confirm(method: nil),
                "declined": .answered(.authorization(attempt: 0), .declined(Fixture.decline)),
                "confirm again": .confirm(method: Fixture.mastercard),
                "not sent": .notSent(.authorization(attempt: 1)),
                "confirm once more": .confirm(method: Fixture.visa),
                "approved": .answered(.authorization(attempt: 2), Fixture.approval),
            ]),
        GoldenWalk(
            "lost, reversed, approved late, and reversed again", Walk(.automatic),
            [
                "confirm": .confirm(method: nil),
                "no answer": .unanswered(.authorization(attempt: 0), .timedOut),
                "no answer, twice": .unanswered(.authorization(attempt: 0), .connectionLost),
                "an answer after all": .answered(.authorization(attempt: 0), Fixture.approval),
                "a second attempt before the first is resolved": .confirm(
                    method: Fixture.mastercard),
                "approved late": .approvedLate(.authorization(attempt: 0)),
                "the first reversal acknowledged": .effectAcknowledged(number: 0),
                "the second refused": .effectRefused(number: 1, responseCode: "25"),
                "a second attempt": .confirm(method: Fixture.mastercard),
                "approved later still": .approvedLate(.authorization(attempt: 0)),
                "cancel while processing": .cancel(reason: .duplicate),
            ]),
        GoldenWalk(
            "without a link", Walk.withoutLink,
            ["confirm": .confirm(method: nil), "cancel": .cancel(reason: nil)]),
    ]
}
