import Foundation
import Gateway
import ISO8583
import Payments
import Primitives
import Resilience
import Testing

/// The form of what nodes ask the owners of links, and of what these answer.
@Suite struct LinkWireTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Golden/link_wire.txt")

    private static let header = """
        # Version 1 of what nodes ask the owners of links, in hexadecimal. A line changes only with
        # a new version of LinkAsk or LinkAnswer, because nodes of two releases talk to each other.
        # A run with SUNNY_RECORD=1 writes it from Tests/GatewayTests.

        """

    // MARK: Samples

    private static let subject = LinkSubject(
        payment: Samples.payment(3), request: .authorization(attempt: 2))
    private static let session = LinkSession(group: GroupID(65_536), term: 7, stream: 3)

    private static func message() throws -> Message {
        var message = Message(.authorizationRequest)
        message.set(.processingCode, text: "000000")
        try message.set(.amount, number: 1000, width: 12)
        message.trace = TraceNumber(17)
        message.set(.terminal, text: "00000000")
        return message
    }

    private static func frame(_ kind: LinkOrderFrame.Kind) throws -> LinkAsk {
        .order(
            LinkOrderFrame(
                term: 7, sendBy: MonotonicInstant(nanoseconds: 5_000_000_000),
                fence: LinkFence(group: GroupID(1), term: 4), link: "acquirer", kind: kind,
                message: try Codec.encode(try message(), specification: .sunny1987)))
    }

    private static func asks() throws -> [(name: String, ask: LinkAsk)] {
        let card = SealedCard(
            method: Samples.method.id, merchant: Samples.merchant, bytes: [1, 2, 3])
        let raised = LinkSubject(
            payment: Samples.payment(3), request: .increment(attempt: 2, number: 1))
        return [
            ("status", .status),
            (
                "attempt",
                try frame(
                    .request(subject, card, sealedCode: [9, 9], followsAuthorization: false))
            ),
            (
                "increment",
                try frame(.request(raised, card, sealedCode: nil, followsAuthorization: true))
            ),
            ("capture", try frame(.advice(undoes: nil))),
            (
                "reversal",
                try frame(.advice(undoes: LinkOrder.Undone(session: session, isQuiet: false)))
            ),
            (
                "lateReversal",
                try frame(.advice(undoes: LinkOrder.Undone(session: nil, isQuiet: true)))
            ),
            ("drain", .change(.drain("acquirer"))),
            ("undrain", .change(.undrain("acquirer"))),
            ("emptied", .change(.emptied("acquirer", epoch: 5))),
        ]
    }

    private static func answers() throws -> [(name: String, answer: LinkAnswer)] {
        let links = CircuitBreaker.StateName.allCases.map { breaker in
            LinkStatus(
                name: "acquirer", isLive: false, session: .up, breaker: breaker, mayAdmit: true,
                standing: .draining, epoch: 5, inFlightCount: 12)
        }
        let clock = MonotonicInstant(nanoseconds: 4_000_000_000)
        let replies: [(String, LinkReply)] = [
            ("answered", .answered(try message(), session: session)),
            ("refused", .notSent(.refused)), ("elsewhere", .notSent(.elsewhere)),
            ("tooEarly", .notSent(.tooEarly(.milliseconds(250)))),
            ("timedOut", .unanswered(.timedOut, session: session)),
            ("unknown", .unanswered(.connectionLost, session: nil)),
        ]
        let report = LinkReport(
            term: 7, clock: clock, publicKey: [UInt8](repeating: 5, count: 32), links: links)
        return [("report", .report(report))]
            + replies.map { ($0.0, .reply($0.1, term: 7, clock: clock)) }
            + [
                ("changed", .changed(nil)), ("noSuchLink", .changed(.noSuchLink)),
                ("tooMany", .changed(.tooMany)),
            ]
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }

    // MARK: Tests

    @Test("the bytes of version 1 stay as they are")
    func golden() throws {
        let lines =
            try Self.asks().map { "ask \($0.name) \(Self.hex($0.ask.encoded()))" }
            + Self.answers().map { "answer \($0.name) \(Self.hex($0.answer.encoded()))" }
        let found = Self.header + lines.joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["SUNNY_RECORD"] == "1" {
            try Data(found.utf8).write(to: Self.file, options: .atomic)
        }
        let pinned = try String(contentsOf: Self.file, encoding: .utf8).split(separator: "\n")
        let current = found.split(separator: "\n")
        #expect(current.count == pinned.count)
        for (number, (line, golden)) in zip(current, pinned).enumerated() where line != golden {
            Issue.record("link_wire.txt:\(number + 1) is \(golden), and now \(line)")
        }
    }

    @Test("asks and answers come back as they were")
    func roundTrip() throws {
        for (name, ask) in try Self.asks() {
            #expect(try LinkAsk(encoded: ask.encoded()) == ask, "\(name)")
        }
        for (name, answer) in try Self.answers() {
            #expect(try LinkAnswer(encoded: answer.encoded()) == answer, "\(name)")
        }
    }

    @Test("neither is taken for the other, for a merchant's, or for a late approval")
    func tags() throws {
        for (name, ask) in try Self.asks() {
            #expect(throws: DecodingError.self, "\(name)") {
                try LinkAnswer(encoded: ask.encoded())
            }
            #expect(throws: DecodingError.self, "\(name)") {
                try MerchantAsk(
                    encoded: ask.encoded(), deadline: MonotonicInstant(nanoseconds: 0))
            }
        }
        for (name, answer) in try Self.answers() {
            #expect(throws: DecodingError.self, "\(name)") {
                try LinkAsk(encoded: answer.encoded())
            }
        }
    }

    @Test("mutated bytes are refused, or come back the same once they were read")
    func fuzz() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000
        var random = SeededRandom(seed: 0xE2)
        let asks = try Self.asks().map { $0.ask.encoded() }
        let answers = try Self.answers().map { $0.answer.encoded() }
        var takenCount = 0
        for _ in 0..<count {
            var ask = asks[Int.random(in: asks.indices, using: &random)]
            ask[Int.random(in: ask.indices, using: &random)] = UInt8.random(
                in: 0...255, using: &random)
            if let read = try? LinkAsk(encoded: ask) {
                takenCount += 1
                #expect(try LinkAsk(encoded: read.encoded()) == read)
            }
            var answer = answers[Int.random(in: answers.indices, using: &random)]
            answer[Int.random(in: answer.indices, using: &random)] = UInt8.random(
                in: 0...255, using: &random)
            if let read = try? LinkAnswer(encoded: answer) {
                takenCount += 1
                #expect(try LinkAnswer(encoded: read.encoded()) == read)
            }
        }
        #expect(takenCount > 0 && takenCount < 2 * count)
    }

    // MARK: Which link

    private static func link(
        _ name: String, isLive: Bool = false, _ session: LinkStatus.Session = .up,
        mayAdmit: Bool = true, standing: LinkStanding = .open
    ) -> LinkStatus {
        LinkStatus(
            name: name, isLive: isLive, session: session, breaker: mayAdmit ? .closed : .open,
            mayAdmit: mayAdmit, standing: standing, epoch: 0, inFlightCount: 0)
    }

    @Test("an attempt takes the first link of its mode that is up, admitted and not drained")
    func choice() {
        let spare = Self.link("spare")
        for first in [
            Self.link("first", .down),
            Self.link("first", mayAdmit: false), Self.link("first", standing: .draining),
            Self.link("first", standing: .drained), Self.link("first", isLive: true),
        ] {
            #expect(LinkChoice([first, spare], isLive: false) == .link("spare"), "\(first)")
        }
        #expect(LinkChoice([Self.link("first"), spare], isLive: false) == .link("first"))
        #expect(LinkChoice([Self.link("first"), spare], isLive: true) == .none)
        #expect(LinkChoice([], isLive: false) == .none)
    }

    @Test("whose owner is new is waited for; what operators or breakers closed is not")
    func opening() {
        #expect(LinkChoice([Self.link("first", .opening)], isLive: false) == .unknown)
        #expect(
            LinkChoice([Self.link("first", .opening), Self.link("spare")], isLive: false)
                == .unknown)
        #expect(LinkChoice([Self.link("first", .down)], isLive: false) == .none)
        #expect(
            LinkChoice([Self.link("first", .opening, standing: .drained)], isLive: false) == .none)
        #expect(
            LinkChoice([Self.link("first", .opening, mayAdmit: false)], isLive: false) == .none)
    }
}
