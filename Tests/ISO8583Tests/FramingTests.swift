import ISO8583
import Primitives
import Testing

struct FramingTests {
    private static let styles: [FrameFormat.LengthStyle] = [
        .binary2, .binary3, .binary2AndZeros, .ascii4, .ascii(digitCount: 3), .bcd2,
    ]

    private func drain(_ decoder: inout FrameDecoder) throws -> [Frame] {
        var frames: [Frame] = []
        while let frame = try decoder.next() { frames.append(frame) }
        return frames
    }

    @Test("Lengths are written as the style says")
    func prefixes() throws {
        let message = [UInt8](repeating: 0x41, count: 258)
        func prefix(_ style: FrameFormat.LengthStyle) throws -> String {
            hexadecimal(try Frame.encode(message, FrameFormat(style)).prefix(style.byteCount))
        }
        #expect(try prefix(.binary2) == "0102")
        #expect(try prefix(.ascii4) == "30323538")
        #expect(try prefix(.bcd2) == "0258")
        #expect(try prefix(.binary3) == "000102")
        #expect(try prefix(.binary2AndZeros) == "01020000")
        #expect(try prefix(.ascii(digitCount: 3)) == "323538")
        #expect(try Frame.keepAlive.encode(.link) == [0, 0])
        #expect(try Frame.keepAlive.encode(FrameFormat(.ascii4)) == Array("0000".utf8))
    }

    @Test(
        "A stream gives the same frames byte by byte, in random pieces and all at once",
        arguments: styles)
    func pieces(style: FrameFormat.LengthStyle) throws {
        let format = FrameFormat(style)
        var random = SeededRandom(seed: 2)
        var frames: [Frame] = []
        var stream: [UInt8] = []
        for _ in 0..<200 {
            let count = Int.random(in: 1...700, using: &random)
            let message = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            frames.append(random.chance(1, in: 5) ? .keepAlive : .message(message[...]))
            stream += try #require(frames.last).encode(format)
        }
        for longest in [1, 5, 1000, stream.count] {
            var decoder = FrameDecoder(format)
            var received: [Frame] = []
            var rest = stream[...]
            while !rest.isEmpty {
                let count = longest == 1 ? 1 : Int.random(in: 1...longest, using: &random)
                decoder.feed(rest.prefix(count))
                rest = rest.dropFirst(count)
                received += try drain(&decoder)
                #expect(decoder.pendingByteCount < format.maximumByteCount + style.byteCount)
            }
            #expect(received == frames)
            #expect(decoder.pendingByteCount == 0)
        }
    }

    @Test("A frame over the maximum is refused by its length, and the stream stays refused")
    func tooLong() throws {
        let format = FrameFormat(.binary2, maximumByteCount: 100)
        var decoder = FrameDecoder(format)
        decoder.feed(try Frame.encode([UInt8](repeating: 1, count: 100), format))
        #expect(try drain(&decoder).count == 1)
        let expected = FrameError.tooLong(byteCount: 101, maximum: 100, offset: 102)
        decoder.feed([0])
        #expect(try decoder.next() == nil)
        decoder.feed([101])
        #expect(throws: expected) { try decoder.next() }
        decoder.feed([0, 0])
        #expect(throws: expected) { try decoder.next() }
        #expect(decoder.pendingByteCount == 0)
        #expect(throws: FrameError.tooLong(byteCount: 101, maximum: 100, offset: 0)) {
            try Frame.encode([UInt8](repeating: 1, count: 101), format)
        }
    }

    @Test("Lengths that are no digits are refused at their byte")
    func malformedLength() throws {
        var ascii = FrameDecoder(FrameFormat(.ascii4))
        ascii.feed(Array("0001A00x1".utf8))
        #expect(try ascii.next() == .message([0x41]))
        #expect(throws: FrameError.malformedLength(offset: 7)) { try ascii.next() }
        var packed = FrameDecoder(FrameFormat(.bcd2))
        packed.feed([0x00, 0x0A])
        #expect(throws: FrameError.malformedLength(offset: 1)) { try packed.next() }
    }

    @Test("A header stands between length and message, is counted, and comes with its message")
    func headers() throws {
        let format = FrameFormat(.binary2, headerByteCount: 5, maximumByteCount: 8)
        let header: [UInt8] = [0x60, 0x00, 0x01, 0x00, 0x02]
        let bytes = try Frame.encode([1, 2, 3], format, header: header)
        #expect(hexadecimal(bytes) == "00086000010002010203")
        var decoder = FrameDecoder(format)
        decoder.feed(bytes + [0, 0])
        #expect(try decoder.next() == .message([1, 2, 3]))
        #expect(decoder.header == header)
        #expect(try decoder.next() == .keepAlive)
        #expect(hexadecimal(try Frame.message([9]).encode(format)) == "0006000000000009")
        #expect(try Frame.encode([], format, header: header) == [0, 0])
        #expect(throws: FrameError.tooLong(byteCount: 9, maximum: 8, offset: 0)) {
            try Frame.encode([1, 2, 3, 4], format, header: header)
        }
        decoder.feed([0, 5])
        #expect(throws: FrameError.shorterThanHeader(byteCount: 5, offset: 12)) {
            try decoder.next()
        }
    }

    @Test("A maximum never exceeds what the length can say")
    func clampedMaximum() {
        #expect(FrameFormat(.ascii4, maximumByteCount: 70_000).maximumByteCount == 9_999)
        #expect(FrameFormat(.binary2, maximumByteCount: 70_000).maximumByteCount == 65_535)
    }
}
