import Foundation
import Gateway
import Payments
import Primitives
import Testing

/// The form of requests and answers on the links between nodes.
@Suite struct MerchantWireTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Golden/merchant_wire.txt")

    private static let header = """
        # Version 1 of what nodes ask each other for merchants, in hexadecimal. A line changes only
        # with a new version of MerchantAsk or MerchantAnswer, because nodes of two releases talk to
        # each other. A run with SUNNY_RECORD=1 writes it from Tests/GatewayTests.

        """

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }

    @Test("the bytes of version 1 stay as they are")
    func golden() throws {
        let lines =
            WireSamples.asks.map { "ask \($0.name) \(Self.hex($0.ask.encoded()))" }
            + WireSamples.answers.map { "answer \($0.name) \(Self.hex($0.answer.encoded()))" }
        let found = Self.header + lines.joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["SUNNY_RECORD"] == "1" {
            try Data(found.utf8).write(to: Self.file, options: .atomic)
        }
        let pinned = try String(contentsOf: Self.file, encoding: .utf8).split(separator: "\n")
        let current = found.split(separator: "\n")
        #expect(current.count == pinned.count)
        for (number, (line, golden)) in zip(current, pinned).enumerated() where line != golden {
            Issue.record("merchant_wire.txt:\(number + 1) is \(golden), and now \(line)")
        }
    }

    @Test("every case is among the samples")
    func coverage() {
        let commands = WireSamples.commands.map(\.command)
        #expect(Set(commands.map { CommandCase($0) }) == Set(CommandCase.allCases))
        #expect(Set(commands.compactMap { SourceCase($0) }) == Set(SourceCase.allCases))
        let queries = WireSamples.queries.map(\.query)
        #expect(Set(queries.map { QueryCase($0) }) == Set(QueryCase.allCases))
        let answers = WireSamples.answers.map(\.answer)
        #expect(Set(answers.map { ReplyCase($0) }) == Set(ReplyCase.allCases))
        #expect(Set(WireSamples.failures.map { FailureCase($0) }) == Set(FailureCase.allCases))
        #expect(WireSamples.refusals.map { RefusalCase($0) } == RefusalCase.allCases)
    }

    @Test("each ask comes back as it was, with the deadline of who reads it")
    func asks() throws {
        for (name, ask) in WireSamples.asks {
            let read = try MerchantAsk(encoded: ask.encoded(), deadline: WireSamples.deadline)
            // The text has every member, except that a code is stars in both.
            #expect(String(reflecting: read) == String(reflecting: ask), "\(name)")
            #expect(code(of: read) == code(of: ask), "\(name)")
            let later = WireSamples.deadline + .seconds(1)
            guard
                case .command(let request) = try MerchantAsk(
                    encoded: ask.encoded(), deadline: later)
            else { continue }
            #expect(request.deadline == later)
        }
    }

    @Test("each answer comes back as it was")
    func answers() throws {
        for (name, answer) in WireSamples.answers {
            let read = try MerchantAnswer(encoded: answer.encoded())
            #expect(isSame(read, answer), "\(name)")
        }
    }

    private func isSame(_ left: MerchantAnswer, _ right: MerchantAnswer) -> Bool {
        switch (left, right) {
        case (
            .command(.outcome(let left, let leftReplay)),
            .command(.outcome(let right, let rightReplay))
        ):
            left == right && leftReplay == rightReplay
        case (.command(.failure(let left)), .command(.failure(let right))): left == right
        case (.query(let left), .query(let right)): isSame(left, right)
        case (.command, _), (.query, _): false
        }
    }

    private func isSame(_ left: QueryReply, _ right: QueryReply) -> Bool {
        switch (left, right) {
        case (.payment(let left), .payment(let right)): left == right
        case (.paymentMethod(let left), .paymentMethod(let right)): left == right
        case (.payments(let left, let leftMore), .payments(let right, let rightMore)):
            left == right && leftMore == rightMore
        case (.noSuchCursor(let left), .noSuchCursor(let right)): left == right
        case (.failure(let left), .failure(let right)): left == right
        case (.payment, _), (.paymentMethod, _), (.payments, _), (.noSuchCursor, _), (.failure, _):
            false
        }
    }

    // MARK: Verification codes

    private func newMethod(of ask: MerchantAsk) -> NewPaymentMethod? {
        guard case .command(let request) = ask else { return nil }
        switch request.command {
        case .createPaymentMethod(let new): return new
        case .createPayment(let payment):
            if case .new(let new)? = payment.method { return new } else { return nil }
        case .confirmPayment(_, .new(let new)?): return new
        case .confirmPayment, .incrementPayment, .capturePayment, .cancelPayment, .createRefund,
            .cancelRefund:
            return nil
        }
    }

    private func code(of ask: MerchantAsk) -> String? {
        newMethod(of: ask)?.verificationCode?.read { String(decoding: $0, as: UTF8.self) }
    }

    @Test("an ask says whether its bytes hold a code, and they hold it once and in front")
    func sensitive() {
        for (name, ask) in WireSamples.asks {
            let code = code(of: ask)
            #expect(ask.isSensitive == (code != nil), "\(name)")
            guard let digits = code.map({ Array($0.utf8) }) else { continue }
            let bytes = ask.encoded()
            #expect(bytes[3...].prefix(digits.count) == digits[...], "\(name)")
            let rest = Array(bytes[(3 + digits.count)...])
            #expect(!rest.indices.contains { rest[$0...].starts(with: digits) }, "\(name)")
            #expect(!String(reflecting: ask).contains(code!))
        }
    }

    @Test("a code that was read has a buffer of its own, and one that was wiped is not sent")
    func ownership() throws {
        let new = WireSamples.newMethod(code: "735")
        let ask = MerchantAsk.command(WireSamples.request(.createPaymentMethod(new)))
        var bytes = ask.encoded()
        let read = try MerchantAsk(encoded: bytes, deadline: WireSamples.deadline)
        for index in bytes.indices { bytes[index] = 0 }
        new.verificationCode?.wipe()
        #expect(code(of: read) == "735")

        #expect(!ask.isSensitive)
        let later = try MerchantAsk(encoded: ask.encoded(), deadline: WireSamples.deadline)
        #expect(newMethod(of: later)?.verificationCode == nil)
        #expect(newMethod(of: later)?.sealedCard == new.sealedCard)
        #expect(newMethod(of: read)?.verificationCode !== new.verificationCode)
    }
}
