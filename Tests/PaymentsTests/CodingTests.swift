import Payments
import Primitives
import Testing

/// What every binary form must hold, whatever it is the form of.
private protocol Specimen {
    var bytes: [UInt8] { get }
    /// Reads the bytes and writes what was read; throws only a `DecodingError`.
    func rewritten(_ bytes: [UInt8]) throws(DecodingError) -> [UInt8]
    var comesBack: Bool { get }
}

private struct Form<Value: BinaryCodable & Equatable>: Specimen {
    let value: Value

    var bytes: [UInt8] { value.encoded }

    func rewritten(_ bytes: [UInt8]) throws(DecodingError) -> [UInt8] {
        try Value(encoded: bytes).encoded
    }

    var comesBack: Bool { (try? Value(encoded: bytes)) == value }
}

private func forms(_ values: [some BinaryCodable & Equatable]) -> [any Specimen] {
    values.map { Form(value: $0) }
}

@Suite("The binary form")
struct CodingTests {
    private let specimens: [any Specimen] =
        forms(Samples.events + Samples.moreEvents) + forms([Samples.payment])
        + forms(Samples.commands)
        + forms(Samples.attempts) + forms(Samples.effects) + forms(Samples.refunds)
        + forms(Samples.statuses) + forms(Samples.outcomes) + forms(Samples.awaited)
        + forms(Samples.records) + forms(Array(Samples.payment.ledger)) + forms([Samples.balances])
        + forms([Samples.storedMethod]) + forms([Samples.fullTerms])
        + forms(Samples.disputes) + forms([Samples.hold]) + forms(Samples.presences)
        + forms([Fixture.payment]) + forms([Fixture.merchant])

    @Test("of every variant comes back as it was")
    func roundTrips() {
        for specimen in specimens { #expect(specimen.comesBack, "\(specimen)") }
    }

    @Test("that ends early is a decoding error, at every byte")
    func truncation() {
        for specimen in specimens {
            let bytes = specimen.bytes
            for count in bytes.indices {
                #expect(throws: DecodingError.self, "\(count) of \(specimen)") {
                    try specimen.rewritten(Array(bytes.prefix(count)))
                }
            }
        }
    }

    @Test("that goes on is a decoding error")
    func trailing() {
        for specimen in specimens {
            #expect(throws: DecodingError.trailing(offset: specimen.bytes.count)) {
                try specimen.rewritten(specimen.bytes + [0])
            }
        }
    }

    @Test("with flipped bytes is an error, or another value that comes back; it never traps")
    func flips() {
        var random = SeededRandom(seed: 2026)
        var refused = 0
        var accepted = 0
        let all = specimens.map { ($0, $0.bytes) }
        for _ in 0..<100_000 {
            let (specimen, original) = all[Int.random(in: all.indices, using: &random)]
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            do {
                let again = try specimen.rewritten(bytes)
                #expect(try specimen.rewritten(again) == again)
                accepted += 1
            } catch {
                refused += 1
            }
        }
        #expect(refused > 10_000 && accepted > 10_000)
    }

    /// An entry of a charge, or of a payout, with these postings.
    private func entry(_ debits: [(UInt8, Int64)], isPayout: Bool = false) -> [UInt8] {
        var writer = ByteWriter()
        for byte in isPayout ? [7, 0, 0] : [0, 0, 0, 0] as [UInt8] { writer.write(byte) }
        writer.write(Samples.at)
        writer.writeVarint(UInt64(debits.count))
        for (account, debit) in debits {
            writer.write(account)
            writer.writeSigned(debit)
        }
        return writer.bytes
    }

    private func fault(of bytes: [UInt8]) -> StaticName? {
        do throws(DecodingError) {
            _ = try LedgerEntry(encoded: bytes)
            return nil
        } catch {
            if case .invalid(let what, _) = error { return what }
            return "another"
        }
    }

    @Test("of a ledger entry has two to four postings of as many accounts, and balances")
    func unbalanced() {
        #expect(fault(of: entry([(0, 5), (1, -5)])) == nil)
        #expect(fault(of: entry([])) == "count of postings")
        #expect(fault(of: entry([(0, 0)])) == "count of postings")
        let five = (0..<5).map { (UInt8($0), Int64(0)) }
        #expect(fault(of: entry(five)) == "count of postings")
        #expect(fault(of: entry([(0, 5), (0, -5)])) == "account of a posting")
        #expect(fault(of: entry([(0, 1), (1, -2)])) == "ledger balance")
    }

    @Test("of a ledger entry holds no amount whose sums could overflow, or wrap around to zero")
    func excessivePostings() {
        let most = Money.movementMaximum
        #expect(fault(of: entry([(0, most), (1, -most)])) == nil)
        #expect(fault(of: entry([(0, most + 1), (1, -most - 1)])) == "amount of a posting")
        #expect(fault(of: entry([(0, .min), (1, .min)])) == "amount of a posting")
        #expect(fault(of: entry([(0, .max), (1, .max), (2, 2)])) == "amount of a posting")
        let share = Int64.max / 4
        #expect(fault(of: entry([(2, share), (6, -share)], isPayout: true)) == nil)
        #expect(
            fault(of: entry([(2, share + 1), (6, -share - 1)], isPayout: true))
                == "amount of a posting")
        let quarter = Int64.min / 4
        let wrapped = entry((0..<4).map { (UInt8($0), quarter) }, isPayout: true)
        #expect(fault(of: wrapped) == "amount of a posting")
    }

    @Test("of a payment has no ledger entry about what the payment does not have")
    func strayEntries() throws {
        let payment = Walk.paid.payment
        #expect((try? Payment(encoded: payment.encoded)) == payment)
        let entry = try #require(payment.ledger.first)
        // The ledger is the end of the form: its count, and then its one entry.
        let bytes = payment.encoded.dropLast(entry.encoded.count + 1)
        let causes: [[UInt8]] = [
            [0, 1, 0], [0, 0, 1], [1, 0], [2, 0], [3, 0], [4, 0], [5, 0], [6, 0, 0, 1], [6, 1, 0],
            [6, 2, 0], [7, 0],
        ]
        for cause in causes {
            let other = cause + entry.encoded.dropFirst(3)
            #expect((try? LedgerEntry(encoded: other)) != nil, "\(cause)")
            #expect(throws: DecodingError.invalid(what: "payment", offset: 0), "\(cause)") {
                try Payment(encoded: bytes + [1] + other)
            }
        }
        let many = bytes + Self.varint(585) + (0..<585).flatMap { _ in entry.encoded }
        #expect(throws: DecodingError.invalid(what: "payment", offset: 0)) {
            try Payment(encoded: Array(many))
        }
        let most = bytes + Self.varint(584) + (0..<584).flatMap { _ in entry.encoded }
        #expect(try Payment(encoded: Array(most)).ledger.count == 584)
    }

    @Test("of metadata and evidence beyond their limits is refused")
    func excessiveTexts() {
        let entry = MetadataEntry(key: "k", value: "v")
        let long = MetadataEntry(key: "k", value: String(repeating: "v", count: 2001))
        let plain = Fixture.terms(1000, .manual)
        for metadata in [[long], [MetadataEntry](repeating: entry, count: 51)] {
            let terms = PaymentTerms(
                amount: plain.amount, capture: plain.capture, description: nil, receiptEmail: nil,
                statementDescriptor: nil, statementDescriptorSuffix: nil, metadata: metadata)
            #expect(throws: DecodingError.self) { try PaymentTerms(encoded: terms.encoded) }
            let refund = Refund(
                number: 0, amount: 1, reason: nil, metadata: metadata, created: Samples.at,
                trace: Samples.refunds[0].trace, state: .requested)
            #expect(throws: DecodingError.self) { try Refund(encoded: refund.encoded) }
        }
        let dispute = Samples.disputes[0]
        for count in [Dispute.evidenceCountMax, Dispute.evidenceCountMax + 1] {
            let other = Dispute(
                number: 0, caseNumber: "A", amount: 5, reason: dispute.reason, opened: Samples.at,
                evidenceDue: Samples.at, status: .needsResponse,
                evidence: [MetadataEntry](repeating: entry, count: count), covered: 5)
            let isRead = (try? Dispute(encoded: other.encoded)) != nil
            #expect(isRead == (count == Dispute.evidenceCountMax))
        }
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.writeVarint(value)
        return writer.bytes
    }

    @Test("of a part that no id can name is refused")
    func partNumber() {
        let bytes = [10] + Fixture.payment.encoded + [62]
        #expect(throws: DecodingError.invalid(what: "part number", offset: 0)) {
            try Refusal(encoded: bytes)
        }
    }
}

@Suite("An idempotency record")
struct IdempotencyRecordTests {
    @Test("answers for its lifetime, and for ever while its command is in flight")
    func expiry() {
        let inFlight = Samples.records[0]
        let completed = Samples.records[4]
        let last = Samples.at.advanced(
            byMilliseconds: IdempotencyRecord.lifetimeMilliseconds)
        #expect(!completed.isExpired(at: last))
        #expect(completed.isExpired(at: last.advanced(byMilliseconds: 1)))
        #expect(!inFlight.isExpired(at: last.advanced(byMilliseconds: 1)))
        #expect(IdempotencyRecord.lifetimeMilliseconds >= 24 * 3600 * 1000)
    }

    @Test("waits for an outcome of one payment")
    func awaited() {
        #expect(Samples.awaited.allSatisfy { $0.payment == Fixture.payment })
    }
}
