import ISO8583
import Primitives
import Testing

struct DecodingErrorTests {
    /// What decoding says, as text, so that a table of cases reads well.
    private func error(
        _ input: [UInt8], _ specification: MessageSpecification = .sunny1987
    ) -> String {
        do throws(MessageError) {
            return "decoded \(try Codec.decode(input, specification: specification))"
        } catch { return "\(error)" }
    }

    private func error(_ text: String) -> String { error(Array(text.utf8)) }

    @Test("Whatever is cut off, the part that is missing is named")
    func truncated() throws {
        #expect(error("") == "MTI at byte 0: truncated")
        #expect(error("010") == "MTI at byte 0: truncated")
        #expect(error("0100") == "bitmap 1 at byte 4: truncated")
        #expect(error("0100800000000000000") == "bitmap 1 at byte 4: truncated")
        #expect(error("01008000000000000000" + "0000") == "bitmap 2 at byte 20: truncated")
        #expect(error("01002000000000000000" + "12345") == "DE 3 at byte 20: truncated")
        #expect(error("01004000000000000000" + "1") == "DE 2 at byte 20: truncated")
        #expect(error("01004000000000000000" + "164242") == "DE 2 at byte 22: truncated")
        let golden = try bytes(hexadecimal: GoldenMessage.all[0].hexadecimal)
        for count in 0..<golden.count {
            #expect(throws: MessageError.self, "\(count) bytes of \(golden.count)") {
                let cut = try Codec.decode(golden[..<count], specification: .sunny1987)
                Issue.record("decoded \(cut)")
            }
        }
    }

    @Test("A length that lies is refused before it is believed")
    func lyingLengths() throws {
        #expect(
            error("01004000000000000000" + "204242424242424242")
                == "DE 2 at byte 20: lengthOverMaximum(found: 20, maximum: 19)")
        #expect(error("01000000000000010000" + "999" + "AB") == "DE 48 at byte 23: truncated")
        #expect(error("01004000000000000000" + "1X42") == "DE 2 at byte 21: wrongCharacter")
        #expect(error("01004000000000000000" + "-142") == "DE 2 at byte 20: wrongCharacter")
        let packed = try bytes(hexadecimal: "0100 4000000000000000 1A 4242")
        #expect(error(packed, .packed) == "DE 2 at byte 10: wrongCharacter")
        let packedOver = try bytes(hexadecimal: "0100 0000000000000200 0256 00")
        #expect(
            error(packedOver, .packed)
                == "DE 55 at byte 10: lengthOverMaximum(found: 256, maximum: 255)")
        let four = try bytes(hexadecimal: "0100 0000000000010000 9999 41")
        #expect(
            error(four, .packed) == "DE 48 at byte 10: lengthOverMaximum(found: 9999, maximum: 999)"
        )
    }

    @Test("Bits without a definition are refused where their element would stand")
    func noDefinition() throws {
        #expect(
            error("01008000000000000000" + "8000000000000000") == "DE 65 at byte 36: noDefinition")
        let packed = try bytes(hexadecimal: "0100 2400000000000000 123456 00")
        #expect(error(packed, .packed) == "DE 6 at byte 13: noDefinition")
        var single = MessageSpecification.sunny1987
        single.bitmapCount = .one
        #expect(
            error(Array("0800820000000000000004000000000000000420090613390".utf8), single)
                == "bitmap 2 at byte 4: noDefinition")
    }

    @Test("Characters that a class does not have are refused at their byte")
    func wrongCharacters() throws {
        #expect(error("01O0") == "MTI at byte 2: wrongCharacter")
        #expect(error("0100G000000000000000") == "bitmap 1 at byte 4: wrongCharacter")
        #expect(
            error("01008000000000000000" + "000000000000000.")
                == "bitmap 2 at byte 35: wrongCharacter")
        #expect(error("01002000000000000000" + "12A456") == "DE 3 at byte 22: wrongCharacter")
        #expect(error("01004000000000000000" + "0442 2") == "DE 2 at byte 24: wrongCharacter")
        #expect(error("01000000001000000000" + "000000000") == "DE 28 at byte 20: wrongCharacter")
        #expect(error("01000000001000000000" + "C0000C000") == "DE 28 at byte 25: wrongCharacter")
        #expect(error("01000000000002000000" + "0\u{7F}") == "DE 39 at byte 21: wrongCharacter")
        #expect(error("01000000000020000000" + "0442&2") == "DE 35 at byte 24: wrongCharacter")
        let high = Array("01000000000000800000".utf8) + [0xC3, 0xA9] + Array("000000".utf8)
        #expect(error(high) == "DE 41 at byte 20: wrongCharacter")
        let packedType = try bytes(hexadecimal: "01A0 0000000000000000")
        #expect(error(packedType, .packed) == "MTI at byte 1: wrongCharacter")
        let packedDigits = try bytes(hexadecimal: "0100 2000000000000000 12345F")
        #expect(error(packedDigits, .packed) == "DE 3 at byte 12: wrongCharacter")
    }

    @Test("Odd nibbles and padding that does not pad are refused")
    func oddNibbles() throws {
        #expect(error("01000000000000000200" + "003ABC") == "DE 55 at byte 23: oddNibbles")
        #expect(
            error("01000000000000001000" + "A1B2C3D4E5F6071G") == "DE 52 at byte 35: wrongCharacter"
        )
        let front = try bytes(hexadecimal: "0100 0000040000000000 1812")
        #expect(error(front, .packed) == "DE 22 at byte 10: oddNibbles")
        let behind = try bytes(hexadecimal: "0100 0000000020000000 03 123D")
        #expect(error(behind, .packed) == "DE 35 at byte 12: oddNibbles")
    }

    @Test("Bytes behind the last element are refused")
    func trailingBytes() {
        #expect(
            error("01002000000000000000" + "1234567") == "end at byte 26: trailingBytes(count: 1)")
        #expect(
            error("01000000000000000000" + "abc") == "end at byte 20: trailingBytes(count: 3)")
    }

    @Test("No error shows what stood in the message")
    func errorsAreSilent() {
        for text in [
            "01004000000000000000" + "164242X", "01004000000000000000" + "164242424242424242Z",
        ] {
            #expect(!error(text).contains("4242"))
        }
    }
}
