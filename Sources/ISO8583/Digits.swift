extension UInt8 {
    /// Whether the byte is an ASCII digit.
    var isDigit: Bool { self &- 0x30 <= 9 }

    /// The value of a hexadecimal digit of either case; nil for any other byte.
    var hexadecimalValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    /// The digit for a value below 16, in capitals.
    init(hexadecimal value: UInt8) {
        self = value < 10 ? 0x30 + value : 0x37 + value
    }

    /// Whether the byte is an ASCII digit or letter.
    var isAlphanumeric: Bool { isDigit || (self | 0x20) &- 0x61 < 26 }

    /// Whether the byte is ASCII that shows, or a blank.
    var isPrintable: Bool { self &- 0x20 <= 0x7E - 0x20 }

    /// Whether the byte stands on a magnetic track 2 or 3, or is the separator as `D`.
    var isTrackCharacter: Bool { 0x30...0x3F ~= self || self == UInt8(ascii: "D") }
}

extension FieldDefinition.Content {
    /// The place of the first byte of `bytes[range]` that the class does not allow.
    func firstWrong(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        let start = range.lowerBound
        let value = bytes.extracting(range)
        switch self {
        case .numeric:
            for index in value.indices where !value[index].isDigit { return start + index }
        case .signedNumeric:
            for index in value.indices {
                let byte = value[index]
                let isSign = byte == UInt8(ascii: "C") || byte == UInt8(ascii: "D")
                guard index == 0 ? isSign : byte.isDigit else { return start + index }
            }
        case .alphanumeric:
            return firstWrongUnlessPadded(bytes, range)
        case .text:
            for index in value.indices where !value[index].isPrintable { return start + index }
        case .binary:
            break
        case .track:
            for index in value.indices where !value[index].isTrackCharacter {
                return start + index
            }
        }
        return nil
    }

    /// Blanks are padding at either end: text is left-justified by the standard, yet hosts pad on
    /// both sides.
    private func firstWrongUnlessPadded(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        let blank = UInt8(ascii: " ")
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, bytes[start] == blank { start += 1 }
        while start < end, bytes[end - 1] == blank { end -= 1 }
        for index in start..<end where !bytes[index].isAlphanumeric { return index }
        return nil
    }
}

/// Decimal digits in ASCII and the numbers that they say.
enum Digits {
    /// The number that 1 to 20 digits say; nil for anything else or more than UInt64 holds.
    static func number(_ digits: some Collection<UInt8>) -> UInt64? {
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard digit.isDigit else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit & 0xF))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// `value` with zeros in front up to `width` digits; nil when it has more.
    static func text(_ value: UInt64, width: Int) -> [UInt8]? {
        var digits = [UInt8](repeating: UInt8(ascii: "0"), count: width)
        var rest = value
        var index = width
        while rest > 0 {
            guard index > 0 else { return nil }
            index -= 1
            digits[index] += UInt8(rest % 10)
            rest /= 10
        }
        return digits
    }
}
