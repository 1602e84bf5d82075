public import Primitives

/// A currency of ISO 4217 that payments can be made in.
public struct Currency: Hashable, Comparable, Sendable {
    /// Where the currency stands in the table; the table never loses or reorders a row.
    private let row: UInt8

    /// The currency of a three-letter code in either case; nil when it is unknown.
    public init?(code: some StringProtocol) {
        let wanted = code.lowercased()
        guard let row = Self.table.firstIndex(where: { $0.code == wanted }) else { return nil }
        self.row = UInt8(row)
    }

    /// The currency of a three-digit ISO 4217 number; nil when it is unknown.
    public init?(number: Int) {
        guard let row = Self.table.firstIndex(where: { $0.number == number }) else { return nil }
        self.row = UInt8(row)
    }

    /// The code in lower case, as the API writes it: `usd`.
    public var code: String { Self.table[Int(row)].code }
    /// The ISO 4217 number, as DE 49 carries it: 840.
    public var number: Int { Self.table[Int(row)].number }
    /// How many decimal places the minor unit has: 2 for `usd`, 0 for `jpy`, 3 for `kwd`.
    public var exponent: Int { Self.table[Int(row)].exponent }
    /// The smallest amount that a charge may have, in minor units: about half a US dollar.
    public var chargeMinimum: Int64 { Self.table[Int(row)].minimum }

    public static func < (left: Currency, right: Currency) -> Bool { left.code < right.code }

    private struct Row: Sendable {
        let code: String
        let number: Int
        let exponent: Int
        let minimum: Int64
        init(_ code: String, _ number: Int, _ exponent: Int, _ minimum: Int64) {
            (self.code, self.number, self.exponent, self.minimum) = (
                code, number, exponent, minimum
            )
        }
    }

    private static let table: [Row] = [
        Row("usd", 840, 2, 50), Row("eur", 978, 2, 50), Row("gbp", 826, 2, 30),
        Row("aed", 784, 2, 200), Row("ars", 32, 2, 50), Row("aud", 36, 2, 50),
        Row("bgn", 975, 2, 100), Row("bhd", 48, 3, 200), Row("brl", 986, 2, 50),
        Row("cad", 124, 2, 50), Row("chf", 756, 2, 50), Row("clp", 152, 0, 500),
        Row("cny", 156, 2, 400), Row("cop", 170, 2, 200_000), Row("czk", 203, 2, 1500),
        Row("dkk", 208, 2, 250), Row("egp", 818, 2, 2500), Row("hkd", 344, 2, 400),
        Row("huf", 348, 2, 17_500), Row("idr", 360, 2, 800_000), Row("ils", 376, 2, 200),
        Row("inr", 356, 2, 50), Row("isk", 352, 0, 70), Row("jod", 400, 3, 350),
        Row("jpy", 392, 0, 50), Row("kes", 404, 2, 6500), Row("krw", 410, 0, 700),
        Row("kwd", 414, 3, 150), Row("mad", 504, 2, 500), Row("mxn", 484, 2, 1000),
        Row("myr", 458, 2, 200), Row("ngn", 566, 2, 80_000), Row("nok", 578, 2, 300),
        Row("nzd", 554, 2, 50), Row("omr", 512, 3, 200), Row("pen", 604, 2, 200),
        Row("php", 608, 2, 3000), Row("pkr", 586, 2, 14_000), Row("pln", 985, 2, 200),
        Row("qar", 634, 2, 200), Row("ron", 946, 2, 200), Row("rsd", 941, 2, 6000),
        Row("sar", 682, 2, 200), Row("sek", 752, 2, 300), Row("sgd", 702, 2, 50),
        Row("thb", 764, 2, 1000), Row("tnd", 788, 3, 1600), Row("try", 949, 2, 2000),
        Row("twd", 901, 2, 1600), Row("uah", 980, 2, 2100), Row("ugx", 800, 0, 1900),
        Row("uyu", 858, 2, 2000), Row("vnd", 704, 0, 13_000), Row("xaf", 950, 0, 300),
        Row("xof", 952, 0, 300), Row("xpf", 953, 0, 60), Row("zar", 710, 2, 1000),
    ]
}

extension Currency: BinaryCodable {
    public func encode(to writer: inout ByteWriter) {
        writer.writeVarint(UInt64(number))
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        guard let currency = Currency(number: try reader.readInteger(Int.self)) else {
            throw .invalid(what: "currency", offset: start)
        }
        self = currency
    }
}
