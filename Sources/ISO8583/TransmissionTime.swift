public import Primitives

/// Transmission date and time, DE 7: MMDDhhmmss at UTC, without a year.
public struct TransmissionTime: Hashable, Sendable, CustomStringConvertible {
    /// 1 to 12.
    public let month: Int
    /// 1 to 31, as the month allows; 29 February is always allowed, for the year is unknown.
    public let day: Int
    /// 0 to 23.
    public let hour: Int
    /// 0 to 59.
    public let minute: Int
    /// 0 to 59.
    public let second: Int

    /// The UTC time of a moment, milliseconds cut off.
    public init(_ timestamp: Timestamp) {
        let civil = CivilTime(timestamp)
        month = civil.month
        day = civil.day
        hour = civil.hour
        minute = civil.minute
        second = civil.second
    }

    /// Nil unless the bytes are ten ASCII digits that say a date and a time.
    public init?(digits: some Collection<UInt8>) {
        guard digits.count == 10, let number = Digits.number(digits) else { return nil }
        let parts = Int(number)
        month = parts / 100_000_000
        day = parts / 1_000_000 % 100
        hour = parts / 10_000 % 100
        minute = parts / 100 % 100
        second = parts % 100
        guard 1...12 ~= month else { return nil }
        let dayCounts = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard 1...dayCounts[month - 1] ~= day, hour < 24, minute < 60, second < 60 else {
            return nil
        }
    }

    /// The ten ASCII digits.
    public var digits: [UInt8] {
        [month, day, hour, minute, second].flatMap { part in
            [UInt8(ascii: "0") + UInt8(part / 10), UInt8(ascii: "0") + UInt8(part % 10)]
        }
    }

    /// The ten digits.
    public var description: String { String(decoding: digits, as: UTF8.self) }
}
