extension UInt8 {
    /// Whether the byte is an ASCII digit.
    var isDigit: Bool { self &- 0x30 <= 9 }

    /// Whether both nibbles are digits.
    var isPackedDigits: Bool { self <= 0x99 && self & 0xF <= 9 }

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
    /// The place of the first byte of a value that the class does not allow.
    func firstWrong(_ value: Span<UInt8>) -> Int? {
        switch self {
        case .numeric: value.first { !$0.isDigit }
        case .signedNumeric: firstWrongOfSigned(value)
        case .alphanumeric: firstWrongUnlessPadded(value)
        case .text: value.first { !$0.isPrintable }
        case .binary: nil
        case .track: value.first { !$0.isTrackCharacter }
        }
    }

    private func firstWrongOfSigned(_ value: Span<UInt8>) -> Int? {
        guard !value.isEmpty else { return nil }
        guard value[0] == UInt8(ascii: "C") || value[0] == UInt8(ascii: "D") else { return 0 }
        for index in 1..<value.count where !value[index].isDigit { return index }
        return nil
    }

    /// Blanks are padding at either end: text is left-justified by the standard, yet hosts pad on
    /// both sides.
    private func firstWrongUnlessPadded(_ value: Span<UInt8>) -> Int? {
        let blank = UInt8(ascii: " ")
        var start = 0
        var end = value.count
        while start < end, value[start] == blank { start += 1 }
        while start < end, value[end - 1] == blank { end -= 1 }
        for index in start..<end where !value[index].isAlphanumeric { return index }
        return nil
    }
}

extension Span<UInt8> {
    /// The place of the first byte for which `isWrong` holds. Nearly all values have none, so that
    /// all bytes are looked at without a branch before one of them is looked for.
    @inline(__always)
    fileprivate func first(_ isWrong: (UInt8) -> Bool) -> Int? {
        for index in indices where isWrong(self[index]) { return index }
        return nil
    }
}

extension MessageLayout.Slot {
    /// The value, of which the reader has checked every nibble.
    func unpacked(from bytes: Span<UInt8>) -> [UInt8] {
        let range = range
        let count = Int(count)
        return [UInt8](capacity: count) { value in
            switch packing {
            case .none:
                for index in range { value.append(bytes[index]) }
            case .hexadecimal:
                for index in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
                    let high = bytes[index].hexadecimalValue ?? 0
                    let low = bytes[index + 1].hexadecimalValue ?? 0
                    value.append(high << 4 | low)
                }
            case .digits, .track:
                // A nibble is the low half of the character 0x30 to 0x3F.
                let firstNibble = packing == .digits ? count % 2 : 0
                for nibble in firstNibble..<(firstNibble + count) {
                    let byte = bytes[range.lowerBound + nibble / 2]
                    value.append(0x30 | (nibble % 2 == 0 ? byte >> 4 : byte & 0xF))
                }
            }
        }
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
