import Primitives
import Testing

@Suite("Bytes")
struct BytesTests {
    private func read<Value>(
        _ bytes: [UInt8], _ body: (inout ByteReader) throws(DecodingError) -> Value
    ) throws(DecodingError) -> Value {
        var reader = ByteReader(bytes)
        let value = try body(&reader)
        try reader.finish()
        return value
    }

    @Test("varints have the bytes of LEB128 and come back")
    func varints() throws {
        let pinned: [(UInt64, [UInt8])] = [
            (0, [0]), (1, [1]), (127, [0x7F]), (128, [0x80, 1]), (300, [0xAC, 2]),
            (16_383, [0xFF, 0x7F]), (16_384, [0x80, 0x80, 1]),
            (.max, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
        ]
        for (value, bytes) in pinned {
            var writer = ByteWriter()
            writer.writeVarint(value)
            #expect(writer.bytes == bytes)
            let back = try read(bytes) { reader throws(DecodingError) in
                try reader.readVarint()
            }
            #expect(back == value)
        }
        for shift in 0..<64 {
            for value in [UInt64(1) << UInt64(shift), (UInt64(1) << UInt64(shift)) - 1] {
                var writer = ByteWriter()
                writer.writeVarint(value)
                writer.writeSigned(Int64(bitPattern: value))
                var reader = ByteReader(writer.bytes)
                #expect(try reader.readVarint() == value)
                #expect(try reader.readSigned() == Int64(bitPattern: value))
                try reader.finish()
            }
        }
    }

    @Test("zigzag keeps small negatives short")
    func signed() throws {
        let pinned: [(Int64, [UInt8])] = [(0, [0]), (-1, [1]), (1, [2]), (-64, [0x7F])]
        for (value, bytes) in pinned {
            var writer = ByteWriter()
            writer.writeSigned(value)
            #expect(writer.bytes == bytes)
        }
        for value in [Int64.min, .max] {
            var writer = ByteWriter()
            writer.writeSigned(value)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.readSigned() == value)
        }
    }

    @Test("a varint that is too long, too large or cut off is an error")
    func hostileVarints() {
        let tooLarge = [UInt8](repeating: 0xFF, count: 9) + [2]
        let tooLong = [UInt8](repeating: 0x80, count: 10) + [0]
        for bytes in [tooLarge, tooLong] {
            #expect(throws: DecodingError.self) {
                var reader = ByteReader(bytes)
                _ = try reader.readVarint()
            }
        }
        #expect(throws: DecodingError.truncated(offset: 2)) {
            var reader = ByteReader([0x80, 0x80])
            _ = try reader.readVarint()
        }
        #expect(throws: DecodingError.invalid(what: "integer", offset: 0)) {
            var reader = ByteReader([0x80, 2])
            _ = try reader.readInteger(UInt8.self)
        }
    }

    @Test("a length beyond the bytes is truncation, however large it is")
    func hostileLengths() {
        for length in [UInt64(2), 1 << 31, 1 << 62, 1 << 63, .max] {
            var writer = ByteWriter()
            writer.writeVarint(length)
            writer.write(UInt8(0))
            let bytes = writer.bytes
            #expect(throws: DecodingError.truncated(offset: 0)) {
                var reader = ByteReader(bytes)
                _ = try reader.readBytes()
            }
            #expect(throws: DecodingError.truncated(offset: 0)) {
                var reader = ByteReader(bytes)
                _ = try reader.readString()
            }
            #expect(throws: DecodingError.truncated(offset: 0)) {
                var reader = ByteReader(bytes)
                _ = try reader.readArray { reader throws(DecodingError) in
                    try reader.readByte()
                }
            }
        }
        var reader = ByteReader([1, 2, 3])
        for count in [-1, 4, Int.max, Int.min] {
            #expect(throws: DecodingError.truncated(offset: 0)) { try reader.readRaw(count) }
        }
        #expect(reader.remainingCount == 3)
    }

    @Test("text is UTF-8 or an error")
    func text() throws {
        var writer = ByteWriter()
        writer.write("grüße 💶")
        let back = try read(writer.bytes) { reader throws(DecodingError) in
            try reader.readString()
        }
        #expect(back == "grüße 💶")
        for bad: [UInt8] in [[1, 0xFF], [2, 0xC0, 0x80], [3, 0xED, 0xA0, 0x80], [1, 0xC3]] {
            #expect(throws: DecodingError.invalid(what: "UTF-8", offset: 0)) {
                var reader = ByteReader(bad)
                _ = try reader.readString()
            }
        }
    }

    @Test("flags are zero or one")
    func flags() {
        for byte in UInt8(2)...255 {
            #expect(throws: DecodingError.invalid(what: "flag", offset: 0)) {
                var reader = ByteReader([byte])
                _ = try reader.readBool()
            }
        }
    }

    @Test("fixed integers are little-endian, and a reader works within a slice")
    func fixed() throws {
        var writer = ByteWriter()
        writer.writeFixed(UInt32(0x0102_0304))
        writer.writeFixed(UInt64(0x0102_0304_0506_0708))
        #expect(writer.bytes == [4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1])
        var reader = ByteReader(([9] + writer.bytes + [9])[1..<13])
        #expect(try reader.readFixed(UInt32.self) == 0x0102_0304)
        #expect(reader.offset == 4)
        #expect(try reader.readFixed(UInt64.self) == 0x0102_0304_0506_0708)
        try reader.finish()
        #expect(throws: DecodingError.truncated(offset: 12)) {
            try reader.readFixed(UInt16.self)
        }
    }

    @Test("what is left over is an error")
    func trailing() {
        #expect(throws: DecodingError.trailing(offset: 1)) {
            try Timestamp(encoded: [2, 0])
        }
    }

    @Test("random bytes never trap a reader")
    func randomBytes() {
        var random = SeededRandom(seed: 11)
        var finished = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...24, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            var reader = ByteReader(bytes)
            do {
                while reader.remainingCount > 0 {
                    switch Int.random(in: 0..<6, using: &random) {
                    case 0: _ = try reader.readVarint()
                    case 1: _ = try reader.readSigned()
                    case 2: _ = try reader.readString()
                    case 3: _ = try reader.readBytes()
                    case 4: _ = try reader.readFixed(UInt32.self)
                    default: _ = try reader.readOptionalString()
                    }
                }
                finished += 1
            } catch {
                #expect(reader.offset <= bytes.count)
            }
        }
        #expect(finished > 0)
    }
}
