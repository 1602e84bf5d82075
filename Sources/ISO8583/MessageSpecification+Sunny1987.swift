extension MessageSpecification {
    /// ISO 8583:1987 in ASCII with hexadecimal bitmaps: the message format of our links.
    ///
    /// Lengths are those of the `default_ascii` specification of pyiso8583, classes of characters
    /// those of the standard. Elements whose class differs between hosts (34, 49 to 51, 102, 103)
    /// have the wider one. DE 65 would announce a third bitmap, which 1987 does not have.
    public static let sunny1987 = MessageSpecification(
        typeEncoding: .ascii, bitmapEncoding: .hexadecimal,
        fields: [
            2: numeric(upTo: 19),  // primary account number
            3: numeric(6),  // processing code
            4: numeric(12),  // amount, transaction
            5: numeric(12),  // amount, settlement
            6: numeric(12),  // amount, cardholder billing
            7: numeric(10),  // transmission date and time
            8: numeric(8),  // amount, cardholder billing fee
            9: numeric(8),  // conversion rate, settlement
            10: numeric(8),  // conversion rate, cardholder billing
            11: numeric(6),  // system trace audit number
            12: numeric(6),  // time, local transaction
            13: numeric(4),  // date, local transaction
            14: numeric(4),  // date, expiration
            15: numeric(4),  // date, settlement
            16: numeric(4),  // date, conversion
            17: numeric(4),  // date, capture
            18: numeric(4),  // merchant type
            19: numeric(3),  // acquiring institution country code
            20: numeric(3),  // PAN country code
            21: numeric(3),  // forwarding institution country code
            22: numeric(3),  // point of service entry mode
            23: numeric(3),  // PAN sequence number
            24: numeric(3),  // network international identifier
            25: numeric(2),  // point of service condition code
            26: numeric(2),  // point of service PIN capture code
            27: numeric(1),  // authorization identification response length
            28: FieldDefinition(.signedNumeric, .fixed, 9),  // amount, transaction fee
            29: FieldDefinition(.signedNumeric, .fixed, 9),  // amount, settlement fee
            30: FieldDefinition(.signedNumeric, .fixed, 9),  // amount, transaction processing fee
            31: FieldDefinition(.signedNumeric, .fixed, 9),  // amount, settlement processing fee
            32: numeric(upTo: 11),  // acquiring institution
            33: numeric(upTo: 11),  // forwarding institution
            34: FieldDefinition(.text, .llvar(.ascii), 28),  // primary account number, extended
            35: FieldDefinition(.track, .llvar(.ascii), 37),  // track 2 data
            36: FieldDefinition(.track, .lllvar(.ascii), 104),  // track 3 data
            37: alphanumeric(12),  // retrieval reference number
            38: alphanumeric(6),  // authorization identification response
            39: alphanumeric(2),  // response code
            40: alphanumeric(3),  // service restriction code
            41: FieldDefinition(.text, .fixed, 8),  // card acceptor terminal
            42: FieldDefinition(.text, .fixed, 15),  // card acceptor
            43: FieldDefinition(.text, .fixed, 40),  // card acceptor name and location
            44: FieldDefinition(.text, .llvar(.ascii), 25),  // additional response data
            45: FieldDefinition(.text, .llvar(.ascii), 76),  // track 1 data
            46: text(upTo: 999),  // additional data, ISO
            47: text(upTo: 999),  // additional data, national
            48: text(upTo: 999),  // additional data, private
            49: alphanumeric(3),  // currency code, transaction
            50: alphanumeric(3),  // currency code, settlement
            51: alphanumeric(3),  // currency code, cardholder billing
            52: FieldDefinition(.binary, .fixed, 16),  // PIN
            53: numeric(16),  // security related control information
            54: text(upTo: 240),  // additional amounts
            55: FieldDefinition(.binary, .lllvar(.ascii), 510),  // ICC data
            56: text(upTo: 999),  // reserved, ISO
            57: text(upTo: 999),  // reserved, national
            58: text(upTo: 999),  // reserved, national
            59: text(upTo: 999),  // reserved, national
            60: text(upTo: 999),  // reserved, national
            61: text(upTo: 999),  // reserved, private
            62: text(upTo: 999),  // reserved, private
            63: text(upTo: 999),  // reserved, private
            64: FieldDefinition(.binary, .fixed, 16),  // MAC
            66: numeric(1),  // settlement code
            67: numeric(2),  // extended payment code
            68: numeric(3),  // receiving institution country code
            69: numeric(3),  // settlement institution country code
            70: numeric(3),  // network management information code
            71: numeric(4),  // message number
            72: numeric(4),  // message number, last
            73: numeric(6),  // date, action
            74: numeric(10),  // credits, number
            75: numeric(10),  // credits, reversal number
            76: numeric(10),  // debits, number
            77: numeric(10),  // debits, reversal number
            78: numeric(10),  // transfer, number
            79: numeric(10),  // transfer, reversal number
            80: numeric(10),  // inquiries, number
            81: numeric(10),  // authorizations, number
            82: numeric(12),  // credits, processing fee amount
            83: numeric(12),  // credits, transaction fee amount
            84: numeric(12),  // debits, processing fee amount
            85: numeric(12),  // debits, transaction fee amount
            86: numeric(16),  // credits, amount
            87: numeric(16),  // credits, reversal amount
            88: numeric(16),  // debits, amount
            89: numeric(16),  // debits, reversal amount
            90: numeric(42),  // original data elements
            91: alphanumeric(1),  // file update code
            92: alphanumeric(2),  // file security code
            93: alphanumeric(5),  // response indicator
            94: alphanumeric(7),  // service indicator
            95: alphanumeric(42),  // replacement amounts
            96: FieldDefinition(.binary, .fixed, 16),  // message security code
            97: FieldDefinition(.signedNumeric, .fixed, 17),  // amount, net settlement
            98: FieldDefinition(.text, .fixed, 25),  // payee
            99: numeric(upTo: 11),  // settlement institution
            100: numeric(upTo: 11),  // receiving institution
            101: FieldDefinition(.text, .llvar(.ascii), 17),  // file name
            102: FieldDefinition(.text, .llvar(.ascii), 28),  // account 1
            103: FieldDefinition(.text, .llvar(.ascii), 28),  // account 2
            104: text(upTo: 100),  // transaction description
            105: text(upTo: 999),  // 105 to 111: reserved, ISO
            106: text(upTo: 999),
            107: text(upTo: 999),
            108: text(upTo: 999),
            109: text(upTo: 999),
            110: text(upTo: 999),
            111: text(upTo: 999),
            112: text(upTo: 999),  // 112 to 119: reserved, national
            113: text(upTo: 999),
            114: text(upTo: 999),
            115: text(upTo: 999),
            116: text(upTo: 999),
            117: text(upTo: 999),
            118: text(upTo: 999),
            119: text(upTo: 999),
            120: text(upTo: 999),  // 120 to 127: reserved, private
            121: text(upTo: 999),
            122: text(upTo: 999),
            123: text(upTo: 999),
            124: text(upTo: 999),
            125: text(upTo: 999),
            126: text(upTo: 999),
            127: text(upTo: 999),
            128: FieldDefinition(.binary, .fixed, 16),  // MAC
        ])

    private static func numeric(_ digitCount: Int) -> FieldDefinition {
        FieldDefinition(.numeric, .fixed, digitCount)
    }

    private static func numeric(upTo digitCount: Int) -> FieldDefinition {
        FieldDefinition(.numeric, .llvar(.ascii), digitCount)
    }

    private static func alphanumeric(_ characterCount: Int) -> FieldDefinition {
        FieldDefinition(.alphanumeric, .fixed, characterCount)
    }

    private static func text(upTo characterCount: Int) -> FieldDefinition {
        FieldDefinition(.text, .lllvar(.ascii), characterCount)
    }
}
