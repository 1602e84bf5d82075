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

    @Test("of a ledger entry out of balance is refused, also when the sum wraps around")
    func unbalanced() {
        for debits in [[1], [1, -2], [Int64.min, .min], [.max, .max, 2]] {
            var writer = ByteWriter()
            for byte in [0, 0, 0, 0] as [UInt8] { writer.write(byte) }
            writer.write(Samples.at)
            writer.writeVarint(UInt64(debits.count))
            for debit in debits {
                writer.write(UInt8(0))
                writer.writeSigned(debit)
            }
            #expect(throws: DecodingError.invalid(what: "ledger balance", offset: 0)) {
                try LedgerEntry(encoded: writer.bytes)
            }
        }
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
