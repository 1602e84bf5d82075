import ISO8583
import Primitives
import Testing

struct CodecTests {
    @Test("Ten thousand random messages of the link's specification survive encoding and decoding")
    func roundTripSunny1987() throws {
        try roundTrip(.sunny1987, count: 10_000, seed: 8583)
    }

    @Test("Random messages in packed digits and binary survive encoding and decoding")
    func roundTripPacked() throws {
        try roundTrip(.packed, count: 5_000, seed: 1987)
        try roundTrip(.packed1987, count: 5_000, seed: 1988)
    }

    private func roundTrip(
        _ specification: MessageSpecification, count: Int, seed: UInt64
    ) throws {
        var messages = RandomMessages(specification, seed: seed)
        for _ in 0..<count {
            let message = try messages.next()
            let bytes = try Codec.encode(message, specification: specification)
            // In the middle of a larger buffer, as behind a frame's length.
            let framed = [0xAA, 0xBB] + bytes + [0xCC]
            let decoded = try Codec.decode(
                framed[2..<(framed.count - 1)], specification: specification)
            guard decoded == message, decoded.fieldNumbers == message.fieldNumbers else {
                Issue.record("\(message) came back as \(decoded)")
                return
            }
            #expect(try Codec.encode(decoded, specification: specification) == bytes)
        }
    }

    @Test(
        "Golden messages encode to the bytes of an independent codec", arguments: GoldenMessage.all)
    func encodesGolden(golden: GoldenMessage) throws {
        let encoded = try Codec.encode(golden.message(), specification: .sunny1987)
        let expected = try bytes(hexadecimal: golden.hexadecimal)
        #expect(hexadecimal(encoded) == hexadecimal(expected))
    }

    @Test(
        "Golden messages decode to the elements of an independent codec",
        arguments: GoldenMessage.all)
    func decodesGolden(golden: GoldenMessage) throws {
        let input = try bytes(hexadecimal: golden.hexadecimal)
        let decoded = try Codec.decode(input, specification: .sunny1987)
        #expect(decoded.type.description == golden.type)
        #expect(decoded.fieldNumbers == golden.fields.keys.sorted())
        #expect(decoded == (try golden.message()))
    }

    @Test("Packed digits have a zero in front of an odd count, tracks an F behind")
    func packsDigits() throws {
        var message = Message(.authorizationRequest)
        message.set(2, text: "123")
        message.set(22, text: "812")
        message.set(35, text: "12=34")
        let expected = try bytes(
            hexadecimal: "0100 4000040020000000 03 0123 0812 05 12D34F")
        #expect(try Codec.encode(message, specification: .packed) == expected)
        #expect(try Codec.decode(expected, specification: .packed) == message)
    }

    @Test("A layout says where the elements lie in bytes that nobody keeps")
    func layout() throws {
        let input = try bytes(
            hexadecimal: "0100 4000040020000000 03 0123 0812 05 12D34F")
        let layout = try Codec.layout(of: input.span, specification: .packed)
        #expect(layout.type == .authorizationRequest)
        #expect(layout.fieldNumbers == [2, 22, 35])
        #expect(layout.range(of: 2) == 11..<13)
        #expect(layout.range(of: 22) == 13..<15)
        #expect(layout.range(of: 35) == 16..<19)
        #expect(layout.range(of: 4) == nil)
        #expect(layout.contains(35) && !layout.contains(3))
    }

    @Test("A second bitmap without bits, hexadecimal in small letters and empty elements are read")
    func readsWhatHostsSend() throws {
        func decode(_ text: String) throws -> Message {
            try Codec.decode(Array(text.utf8), specification: .sunny1987)
        }
        let noSecond = try decode("0800" + "8200000000000000" + "0000000000000000" + "1123184845")
        #expect(noSecond.fieldNumbers == [7])
        let small = try decode("0100" + "0000000000001000" + "a1b2c3d4e5f60718")
        #expect(small[52]?.elementsEqual([0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6, 0x07, 0x18]) == true)
        let smallBitmap = try decode("0100" + "0000000000c00000" + "T0000001M00000000000001")
        #expect(smallBitmap.fieldNumbers == [41, 42])
        let empty = try decode("0100" + "0000000100000000" + "00")
        #expect(empty[32]?.isEmpty == true)
    }

    @Test("Alphanumeric elements may be filled up with blanks at either end, not in the middle")
    func acceptsPadding() throws {
        for text in ["AB    ", "    AB", "      "] {
            var message = Message(.authorizationResponse)
            message.set(.approvalCode, text: text)
            let bytes = try Codec.encode(message, specification: .sunny1987)
            #expect(try Codec.decode(bytes, specification: .sunny1987).text(38) == text)
        }
        var message = Message(.authorizationResponse)
        message.set(.approvalCode, text: "AB  CD")
        #expect(throws: EncodingError(.wrongCharacter(offset: 2), 38)) {
            try Codec.encode(message, specification: .sunny1987)
        }
    }

    @Test("Elements that do not fit their definition are refused by number")
    func refusesToEncode() throws {
        func error(_ number: FieldNumber, _ text: String) -> EncodingError? {
            var message = Message(.authorizationRequest)
            message.set(number, text: text)
            do throws(EncodingError) {
                _ = try Codec.encode(message, specification: .sunny1987)
                return nil
            } catch { return error }
        }
        #expect(error(3, "00000") == EncodingError(.wrongLength(found: 5, expected: 6), 3))
        #expect(
            error(2, String(repeating: "4", count: 20))
                == EncodingError(.lengthOverMaximum(found: 20, maximum: 19), 2))
        #expect(error(4, "00000000A000") == EncodingError(.wrongCharacter(offset: 8), 4))
        #expect(error(28, "000000000") == EncodingError(.wrongCharacter(offset: 0), 28))
        #expect(error(28, "C0000000X") == EncodingError(.wrongCharacter(offset: 8), 28))
        #expect(error(35, "42=A") == EncodingError(.wrongCharacter(offset: 3), 35))
        #expect(error(43, "tab\there") == EncodingError(.wrongCharacter(offset: 3), 43))
        #expect(error(52, "1234567") == EncodingError(.wrongLength(found: 14, expected: 16), 52))
        #expect(error(65, "0") == EncodingError(.noDefinition, 65))
        var single = MessageSpecification.sunny1987
        single.bitmapCount = .one
        var message = Message(.networkManagementRequest)
        message.networkManagementCode = .echoTest
        #expect(throws: EncodingError(.noDefinition, 70)) {
            try Codec.encode(message, specification: single)
        }
    }

    @Test("Every length and number of the built-in specification is defined but for DE 65")
    func coversAllNumbers() {
        let numbers = MessageSpecification.sunny1987.fields.numbers
        #expect(numbers.map(\.rawValue) == (2...128).filter { $0 != 65 })
    }
}

extension GoldenMessage {
    func message() throws -> Message {
        var message = Message(try #require(MessageType(type)))
        for (number, text) in fields {
            let isBinary = MessageSpecification.sunny1987.fields[number]?.content == .binary
            message.set(number, isBinary ? try bytes(hexadecimal: text) : Array(text.utf8))
        }
        return message
    }
}
