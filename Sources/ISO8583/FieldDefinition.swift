/// How one data element is written: what it may contain, how that becomes bytes, and how long it
/// may be.
public struct FieldDefinition: Hashable, Sendable {
    /// The classes of characters of ISO 8583:1987.
    public enum Content: Hashable, Sendable {
        /// `n`: the digits 0 to 9.
        case numeric
        /// `x+n`: the letter C or D (credit, debit), then digits.
        case signedNumeric
        /// `an`: digits and letters; blanks only as padding, at either end.
        case alphanumeric
        /// `ans`: printable ASCII, 0x20 to 0x7E.
        case text
        /// `b`: any bytes. A message holds them raw, whatever the encoding.
        case binary
        /// `z`: the code set of tracks 2 and 3 (ISO/IEC 7813), 0x30 to 0x3F; hosts that write `D`
        /// for the separator are understood.
        case track
    }

    /// How the content becomes bytes.
    public enum Encoding: Hashable, Sendable {
        /// A byte for each character; `b` becomes two hexadecimal digits for each byte.
        case ascii
        /// Two digits in a byte, for `n` and `z`. An odd count of `n` has a zero nibble in front,
        /// an odd count of `z` a nibble F behind.
        case bcd
        /// The bytes themselves, for `b`.
        case binary
    }

    /// How a length stands in front of content.
    public enum PrefixEncoding: Hashable, Sendable {
        /// A byte for each digit.
        case ascii
        /// Two digits in a byte, so that LL takes one byte and LLL two.
        case bcd
    }

    /// Whether the element has one length or says its own.
    public enum Length: Hashable, Sendable {
        /// Always the maximum.
        case fixed
        /// LLVAR: a prefix of two digits.
        case llvar(PrefixEncoding)
        /// LLLVAR: a prefix of three digits.
        case lllvar(PrefixEncoding)
    }

    public let content: Content
    public let encoding: Encoding
    public let length: Length
    /// The longest content, and the only length of a fixed element, in the units that a length
    /// prefix counts: characters in ASCII (hexadecimal digits for `b`), digits in BCD, else bytes.
    public let maximumLength: Int

    /// How a value stands in the bytes.
    var packing: MessageLayout.Packing {
        switch encoding {
        case .ascii: content == .binary ? .hexadecimal : .none
        case .bcd: content == .track ? .track : .digits
        case .binary: .none
        }
    }

    /// A definition. A combination that the standard does not have is a programming error.
    public init(
        _ content: Content, _ length: Length, _ maximumLength: Int,
        encoding: Encoding = .ascii
    ) {
        switch encoding {
        case .ascii: break
        case .bcd: precondition(content == .numeric || content == .track, "BCD holds n or z")
        case .binary: precondition(content == .binary, "binary holds b")
        }
        let limit =
            switch length {
            case .fixed, .lllvar: 999
            case .llvar: 99
            }
        precondition(1...limit ~= maximumLength, "a maximum of \(maximumLength) does not fit")
        let isHexadecimal = content == .binary && encoding == .ascii
        precondition(!isHexadecimal || maximumLength % 2 == 0, "half a byte of b")
        self.content = content
        self.encoding = encoding
        self.length = length
        self.maximumLength = maximumLength
    }
}

/// The definitions of a specification's data elements, by number.
public struct FieldTable: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    /// Indexed by field number; 0 and 1 are always empty.
    private var definitions: [FieldDefinition?]

    /// A table with the given definitions; one that is given twice is a programming error.
    public init(dictionaryLiteral elements: (FieldNumber, FieldDefinition)...) {
        definitions = Array(repeating: nil, count: 129)
        for (number, definition) in elements {
            precondition(self[number] == nil, "DE \(number) is defined twice")
            self[number] = definition
        }
    }

    /// The definition of a data element; nil when messages may not carry it.
    public subscript(number: FieldNumber) -> FieldDefinition? {
        get { definitions[Int(number.rawValue)] }
        set { definitions[Int(number.rawValue)] = newValue }
    }

    /// The numbers that are defined, ascending.
    public var numbers: [FieldNumber] {
        definitions.indices.filter { definitions[$0] != nil }.map { FieldNumber(ofBit: $0) }
    }
}
