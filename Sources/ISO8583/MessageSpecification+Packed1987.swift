extension MessageSpecification {
    /// ISO 8583:1987 packed: type, digits, tracks and lengths two to a byte, bitmaps and elements
    /// of class `b` as they are. The elements are those of `sunny1987`.
    public static let packed1987: MessageSpecification = {
        var fields = sunny1987.fields
        for number in fields.numbers { fields[number] = fields[number]?.packed }
        return MessageSpecification(typeEncoding: .bcd, bitmapEncoding: .binary, fields: fields)
    }()
}

extension FieldDefinition {
    /// The same element in the encoding that takes the fewest bytes.
    fileprivate var packed: FieldDefinition {
        let length: Length =
            switch length {
            case .fixed: .fixed
            case .llvar: .llvar(.bcd)
            case .lllvar: .lllvar(.bcd)
            }
        switch content {
        case .numeric, .track:
            return FieldDefinition(content, length, maximumLength, encoding: .bcd)
        case .binary:
            // Two digits were a byte.
            return FieldDefinition(content, length, maximumLength / 2, encoding: .binary)
        case .signedNumeric, .alphanumeric, .text:
            return FieldDefinition(content, length, maximumLength)
        }
    }
}
