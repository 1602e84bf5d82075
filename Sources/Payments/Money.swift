public import Primitives

/// An amount of one currency in its minor unit: 1099 of `usd` is $10.99. Never a fraction.
public struct Money: Hashable, Sendable {
    /// The amount in the currency's minor unit.
    public let minorUnits: Int64
    public let currency: Currency

    public init(minorUnits: Int64, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// The largest amount of one payment: eight digits, as the API has it, which also fits the
    /// twelve digits of DE 4 with room to spare.
    public static let chargeMaximum: Int64 = 99_999_999

    /// The largest movement of one payment: a capture of twice the largest amount, as over-capture
    /// is 100 per cent at most, or a dispute of the largest amount with its fee. A payment has
    /// fewer than a thousand movements, so that no sum of them comes near Int64.
    public static let movementMaximum = 2 * chargeMaximum
}

extension Money: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeSigned(minorUnits)
        writer.write(currency)
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        minorUnits = try reader.readSigned()
        currency = try reader.read()
    }
}

/// What a merchant pays for a charge: a part of the amount and a fixed sum.
public struct FeeSchedule: Hashable, Sendable {
    /// Hundredths of a per cent of the amount, 0 to 10,000.
    public let basisPoints: Int64
    /// Minor units of the charge's currency.
    public let fixedMinorUnits: Int64
    /// Minor units for each dispute that takes money, won or lost.
    public let disputeMinorUnits: Int64

    public init(basisPoints: Int64, fixedMinorUnits: Int64, disputeMinorUnits: Int64 = 0) {
        precondition((0...10_000).contains(basisPoints))
        precondition((0...Money.chargeMaximum).contains(fixedMinorUnits))
        precondition((0...Money.chargeMaximum).contains(disputeMinorUnits))
        self.basisPoints = basisPoints
        self.fixedMinorUnits = fixedMinorUnits
        self.disputeMinorUnits = disputeMinorUnits
    }

    /// The fee for an amount, rounded half to even on the minor unit, and never above the amount.
    public func fee(for amount: Money) -> Int64 {
        // An amount has at most eight digits and a rate at most five: the product fits.
        let scaled = amount.minorUnits * basisPoints
        let (whole, rest) = scaled.quotientAndRemainder(dividingBy: 10_000)
        let roundsUp = rest > 5000 || (rest == 5000 && whole % 2 == 1)
        return min(amount.minorUnits, whole + (roundsUp ? 1 : 0) + fixedMinorUnits)
    }
}
