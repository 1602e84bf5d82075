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
        payment.facts
    }

    /// What a decision looks at, as `Tests/WebAssembly/Exports.swift` reads it.
    fileprivate var contextBytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(now)
        writer.writeOptional(link)
        writer.writeSigned(fees.basisPoints)
        writer.writeSigned(fees.fixedMinorUnits)
        writer.writeSigned(fees.disputeMinorUnits)
        writer.write(offer)
        writer.writeVarint(UInt64(traces.shard))
        writer.writeVarint(traces.next)
        return writer.bytes
    }

    fileprivate static var asking: Walk {
        var walk = Walk()
        walk.offer = Fixture.allOptions
        walk.fees = FeeSchedule(basisPoints: 290, fixedMinorUnits: 30, disputeMinorUnits: 1500)
        return walk
    }

    /// With a link whose holds end after two seconds: two steps of a walk.
    fileprivate static var brief: Walk {
        var walk = Walk()
        walk.offer = HoldOptions.none.lasting(seconds: 2)
        return walk
    }

    fileprivate static var withoutLink: Walk {
        var walk = Walk()
        walk.link = nil
        return walk
    }
}

extension GoldenVectors {
    private static let soft = Decline(responseCode: "1A")

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
            "asked by the issuer to authenticate, failed, and then authenticated", Walk(.automatic),
            [
                "confirm": .confirm(method: nil),
                "the issuer asks": .answered(.authorization(attempt: 0), .declined(soft)),
                "a wrong challenge": .authenticated(challenge: 3, nil),
                "failed": .authenticated(challenge: 4, nil),
                "confirm, and ask first": .confirm(
                    method: Fixture.visa, Presence(), authenticates: true),
                "authenticated": .authenticated(challenge: 6, Fixture.authentication),
                "the issuer asks again": .answered(.authorization(attempt: 1), .declined(soft)),
                "off session": .confirm(
                    method: Fixture.visa, Presence(isOffSession: true), authenticates: true),
                "the issuer asks once more": .answered(
                    .authorization(attempt: 2), .declined(soft)),
                "confirm with a proof": .confirm(
                    method: Fixture.visa, Presence(authentication: Fixture.authentication),
                    authenticates: false),
                "approved": .answered(.authorization(attempt: 3), Fixture.approval),
            ]),
        GoldenWalk(
            "raised, captured in parts, above the hold, disputed and settled", Walk.asking,
            [
                "confirm": .confirm(method: nil),
                "approved": .answered(.authorization(attempt: 0), Fixture.approval),
                "raise by nothing": .increment(total: 1000),
                "raise": .increment(total: 1200),
                "capture while it is raised": .capture(amount: nil),
                "cancel while it is raised": .cancel(reason: nil),
                "raised": .answered(.increment(attempt: 0, number: 0), Fixture.approval),
                "raise again": .increment(total: 1300),
                "no answer": .unanswered(.increment(attempt: 0, number: 1), .timedOut),
                "approved late": .approvedLate(.increment(attempt: 0, number: 1)),
                "the first reversal acknowledged": .effectAcknowledged(number: 0),
                "capture a part": .capture(amount: 700, isFinal: false),
                "capture above the hold": .capture(amount: 1100),
                "the second reversal acknowledged": .effectAcknowledged(number: 1),
                "the first capture acknowledged": .effectAcknowledged(number: 2),
                "dispute": .openDispute(Samples.dispute),
                "the same dispute": .openDispute(Samples.dispute),
                "refund beside the dispute": .refund(amount: 1, reason: nil, metadata: []),
                "settle the wrong amount": .settle(
                    .capture(attempt: 0, number: 0), Money(minorUnits: 1, currency: Fixture.usd)),
                "settle": .settle(
                    .capture(attempt: 0, number: 0), Money(minorUnits: 700, currency: Fixture.usd)),
                "settle again": .settle(
                    .capture(attempt: 0, number: 0), Money(minorUnits: 700, currency: Fixture.usd)),
                "answer": .answerDispute(
                    number: 0, evidence: Samples.metadata, isSubmitted: true),
                "answer again": .answerDispute(number: 0, evidence: [], isSubmitted: false),
                "won": .closeDispute(number: 0, .won),
                "won again": .closeDispute(number: 0, .won),
                "refund": .refund(amount: 300, reason: nil, metadata: []),
                "cancel the refund while it waits": .cancelRefund(number: 0),
                "cancel no refund": .cancelRefund(number: 7),
            ]),
        GoldenWalk(
            "held, captured in part, and expired", Walk.asking,
            [
                "confirm": .confirm(method: nil),
                "approved in part": .answered(
                    .authorization(attempt: 0), .approved(code: "A1B2C3", .pass, amount: 600)),
                "expire too early": .expire,
                "capture a part": .capture(amount: 100, isFinal: false),
                "give the rest back": .cancel(reason: nil),
            ]),
        GoldenWalk(
            "without a link", Walk.withoutLink,
            ["confirm": .confirm(method: nil), "cancel": .cancel(reason: nil)]),
        GoldenWalk(
            "held for two seconds, and expired", Walk.brief,
            [
                "confirm": .confirm(method: nil),
                "approved": .answered(.authorization(attempt: 0), Fixture.approval),
                "expire too early": .expire,
                "expire": .expire,
                "the reversal acknowledged": .effectAcknowledged(number: 0),
            ]),
    ]
}
