public import Primitives

/// A currency of ISO 4217.
public struct Currency: Hashable, Comparable, Sendable {
    /// Where the currency stands in the table; the table never loses or reorders a row.
    private let row: UInt8

    /// The currency of a three-letter code in either case; nil when it is unknown.
    public init?(code: some StringProtocol) {
        guard let packed = Self.pack(code),
            let row = Self.table.firstIndex(where: { $0.packedCode == packed })
        else { return nil }
        self.row = UInt8(row)
    }

    /// Three letters as one word, small; nil for any other text.
    private static func pack(_ code: some StringProtocol) -> UInt32? {
        var packed: UInt32 = 0
        var count = 0
        for byte in code.utf8 {
            count += 1
            let letter = byte | 0x20
            guard count <= 3, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter) else {
                return nil
            }
            packed = packed << 8 | UInt32(letter)
        }
        return count == 3 ? packed : nil
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

    /// Every currency of the table.
    public static var all: [Currency] { table.indices.map { Currency(row: UInt8($0)) } }

    private init(row: UInt8) {
        self.row = row
    }

    public static func < (left: Currency, right: Currency) -> Bool { left.code < right.code }

    private struct Row: Sendable {
        let code: String
        let number: Int
        let exponent: Int
        let minimum: Int64
        let packedCode: UInt32

        init(_ code: String, _ number: Int, _ exponent: Int, _ minimum: Int64) {
            (self.code, self.number, self.exponent, self.minimum) = (
                code, number, exponent, minimum
            )
            packedCode = Currency.pack(code) ?? 0
        }
    }

    /// Every currency of ISO 4217 that money is paid in; funds, metals and codes for tests are not.
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
        // No published minimum: the smallest amount there is.
        Row("afn", 971, 2, 1), Row("all", 8, 2, 1), Row("amd", 51, 2, 1), Row("aoa", 973, 2, 1),
        Row("awg", 533, 2, 1), Row("azn", 944, 2, 1), Row("bam", 977, 2, 1), Row("bbd", 52, 2, 1),
        Row("bdt", 50, 2, 1), Row("bif", 108, 0, 1), Row("bmd", 60, 2, 1), Row("bnd", 96, 2, 1),
        Row("bob", 68, 2, 1), Row("bsd", 44, 2, 1), Row("btn", 64, 2, 1), Row("bwp", 72, 2, 1),
        Row("byn", 933, 2, 1), Row("bzd", 84, 2, 1), Row("cdf", 976, 2, 1), Row("crc", 188, 2, 1),
        Row("cup", 192, 2, 1), Row("cve", 132, 2, 1), Row("djf", 262, 0, 1), Row("dop", 214, 2, 1),
        Row("dzd", 12, 2, 1), Row("ern", 232, 2, 1), Row("etb", 230, 2, 1), Row("fjd", 242, 2, 1),
        Row("fkp", 238, 2, 1), Row("gel", 981, 2, 1), Row("ghs", 936, 2, 1), Row("gip", 292, 2, 1),
        Row("gmd", 270, 2, 1), Row("gnf", 324, 0, 1), Row("gtq", 320, 2, 1), Row("gyd", 328, 2, 1),
        Row("hnl", 340, 2, 1), Row("htg", 332, 2, 1), Row("iqd", 368, 3, 1), Row("irr", 364, 2, 1),
        Row("jmd", 388, 2, 1), Row("kgs", 417, 2, 1), Row("khr", 116, 2, 1), Row("kmf", 174, 0, 1),
        Row("kpw", 408, 2, 1), Row("kyd", 136, 2, 1), Row("kzt", 398, 2, 1), Row("lak", 418, 2, 1),
        Row("lbp", 422, 2, 1), Row("lkr", 144, 2, 1), Row("lrd", 430, 2, 1), Row("lsl", 426, 2, 1),
        Row("lyd", 434, 3, 1), Row("mdl", 498, 2, 1), Row("mga", 969, 2, 1), Row("mkd", 807, 2, 1),
        Row("mmk", 104, 2, 1), Row("mnt", 496, 2, 1), Row("mop", 446, 2, 1), Row("mru", 929, 2, 1),
        Row("mur", 480, 2, 1), Row("mvr", 462, 2, 1), Row("mwk", 454, 2, 1), Row("mzn", 943, 2, 1),
        Row("nad", 516, 2, 1), Row("nio", 558, 2, 1), Row("npr", 524, 2, 1), Row("pab", 590, 2, 1),
        Row("pgk", 598, 2, 1), Row("pyg", 600, 0, 1), Row("rub", 643, 2, 1), Row("rwf", 646, 0, 1),
        Row("sbd", 90, 2, 1), Row("scr", 690, 2, 1), Row("sdg", 938, 2, 1), Row("shp", 654, 2, 1),
        Row("sle", 925, 2, 1), Row("sos", 706, 2, 1), Row("srd", 968, 2, 1), Row("ssp", 728, 2, 1),
        Row("stn", 930, 2, 1), Row("svc", 222, 2, 1), Row("syp", 760, 2, 1), Row("szl", 748, 2, 1),
        Row("tjs", 972, 2, 1), Row("tmt", 934, 2, 1), Row("top", 776, 2, 1), Row("ttd", 780, 2, 1),
        Row("tzs", 834, 2, 1), Row("uzs", 860, 2, 1), Row("ved", 926, 2, 1), Row("ves", 928, 2, 1),
        Row("vuv", 548, 0, 1), Row("wst", 882, 2, 1), Row("xcd", 951, 2, 1), Row("xcg", 532, 2, 1),
        Row("yer", 886, 2, 1), Row("zmw", 967, 2, 1), Row("zwg", 924, 2, 1),
    ]
}

/// The decimal places in which one processor counts where they are not those of ISO 4217: some
/// count Icelandic krónur in hundredths, or Hungarian forints whole.
public struct ProcessorCurrencies: Hashable, Sendable {
    private let exponents: [Currency: Int]

    /// Exponents outside 0 to 4 are a mistake in a file: nil.
    public init?(exponents: [Currency: Int]) {
        guard exponents.values.allSatisfy((0...4).contains) else { return nil }
        self.exponents = exponents
    }

    /// Why an amount cannot be said in the other's units.
    public enum Fault: Error, Hashable, Sendable {
        /// A fraction of the coarser unit would be lost.
        case inexact
        case overflow
    }

    public func exponent(of currency: Currency) -> Int {
        exponents[currency] ?? currency.exponent
    }

    /// Our amount in the processor's units.
    public func processorUnits(of money: Money) throws(Fault) -> Int64 {
        try Self.rescale(
            money.minorUnits, from: money.currency.exponent, to: exponent(of: money.currency))
    }

    /// The processor's amount in our units.
    public func money(processorUnits: Int64, _ currency: Currency) throws(Fault) -> Money {
        let units = try Self.rescale(
            processorUnits, from: exponent(of: currency), to: currency.exponent)
        return Money(minorUnits: units, currency: currency)
    }

    private static func rescale(
        _ amount: Int64, from: Int, to other: Int
    ) throws(Fault) -> Int64 {
        var amount = amount
        for _ in stride(from: from, to: other, by: 1) {
            let (product, overflow) = amount.multipliedReportingOverflow(by: 10)
            guard !overflow else { throw .overflow }
            amount = product
        }
        for _ in stride(from: other, to: from, by: 1) {
            guard amount % 10 == 0 else { throw .inexact }
            amount /= 10
        }
        return amount
    }
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
