import ISO8583

/// What can still be read of a message that is malformed: the elements before the malformed one, by
/// which the sender recognizes the refusal.
enum MessageSalvage {
    /// The message without the elements from the malformed one on.
    ///
    /// - Parameters:
    ///   - bytes: The message, in a specification with a type in four digits and hexadecimal
    ///     bitmaps; of others nothing is salvaged.
    ///   - error: What `Codec.decode` found wrong with it.
    /// - Returns: nil when type or bitmap are unreadable.
    static func readable(
        _ bytes: ArraySlice<UInt8>, _ error: MessageError, _ specification: MessageSpecification
    ) -> Message? {
        guard specification.typeEncoding == .ascii, specification.bitmapEncoding == .hexadecimal
        else { return nil }
        var head = Array(bytes)
        switch error.part {
        case .messageType, .primaryBitmap, .secondaryBitmap: return nil
        case .end: break
        case .field(let number):
            guard clearBitmap(of: &head, from: Int(number.rawValue)) else { return nil }
        }
        // What the cleared elements leave behind is trailing, and cut.
        do throws(MessageError) {
            return try Codec.decode(head, specification: specification)
        } catch {
            guard case .trailingBytes(let count) = error.reason, count <= head.count else {
                return nil
            }
            head.removeLast(count)
        }
        return try? Codec.decode(head, specification: specification)
    }

    /// Clears the bits of `number` and all that follow. A second bitmap that becomes empty stays.
    private static func clearBitmap(of bytes: inout [UInt8], from number: Int) -> Bool {
        guard bytes.count >= bitmapOffset + 16 else { return false }
        let hasSecond = bytes[bitmapOffset] >= UInt8(ascii: "8")
        let digitCount = hasSecond ? 32 : 16
        guard bytes.count >= bitmapOffset + digitCount else { return false }
        for digit in 0..<digitCount {
            // The digit says elements 4 × digit + 1 to 4 × digit + 4, the highest bit first.
            let keptCount = min(4, max(0, number - 1 - 4 * digit))
            guard keptCount < 4 else { continue }
            guard var nibble = value(of: bytes[bitmapOffset + digit]) else { return false }
            nibble &= 0xF << UInt8(4 - keptCount) & 0xF
            bytes[bitmapOffset + digit] = nibble < 10 ? 0x30 + nibble : 0x37 + nibble
        }
        return true
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x37
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }

    private static let bitmapOffset = 4
}
