import ISO8583

/// What a host says about a card verification code: the one character of DE 44.
public enum CardVerificationResult: String, Hashable, Sendable, CaseIterable {
    case match = "M"
    case noMatch = "N"
    /// The host did not get as far as looking at it.
    case notProcessed = "P"
}

/// How DE 48 of a request carries the card verification code on our links.
///
/// DE 48 is a row of subelements, as the card schemes have it: two digits of number, two digits of
/// length, then so many characters. Subelement 92 holds the three or four digits of the code: a
/// code of 123 is `9203123`. The answer has a `CardVerificationResult` in DE 44, or no DE 44 when
/// no code was sent.
public enum CardVerificationElement {
    /// The number of the subelement.
    public static let number = "92"

    /// What DE 48 says of the code.
    enum Content: Equatable {
        case absent
        case present
        /// The subelements do not add up, or the code is not three or four digits.
        case malformed
    }

    /// Looks whether a code was sent. The code itself is not read: a test card's number decides
    /// what becomes of it.
    static func content(of message: Message) -> Content {
        guard var rest = message[.privateData] else { return .absent }
        var content = Content.absent
        while !rest.isEmpty {
            guard rest.count >= 4, let length = number(rest.dropFirst(2).prefix(2)),
                rest.count >= 4 + length
            else { return .malformed }
            if rest.prefix(2).elementsEqual(number.utf8) {
                let code = rest.dropFirst(4).prefix(length)
                guard 3...4 ~= length, code.allSatisfy(isDigit) else { return .malformed }
                content = .present
            }
            rest = rest.dropFirst(4 + length)
        }
        return content
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 & 0xF) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte }
}
