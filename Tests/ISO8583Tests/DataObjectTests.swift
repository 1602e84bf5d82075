import ISO8583
import Testing

struct DataObjectTests {
    @Test("Chip data of a message is read by tag, in whatever template it is")
    func tags() throws {
        var message = Message(.authorizationRequest)
        #expect(try message.chipData() == nil)
        message.set(.chipData, try bytes(hexadecimal: "9A03261125 700B9F26080102030405060708"))
        let sent = try Codec.encode(message, specification: .packed1987)
        let received = try Codec.decode(sent, specification: .packed1987)
        let objects = try #require(try received.chipData())
        #expect(objects[0x9A]?.elementsEqual([0x26, 0x11, 0x25]) == true)
        #expect(objects[0x9F26]?.count == 8)
        #expect(objects[0x9F27] == nil)
        #expect(objects.objects.map(\.depth) == [0, 0, 1])
    }

    @Test("A bomb of a thousand templates is refused at the limit, at its byte")
    func bomb() throws {
        // 70 82 LLLL holds all that follows: 999 templates in each other.
        var bomb: [UInt8] = []
        for _ in 0..<999 {
            bomb = [0x70, 0x82, UInt8(bomb.count >> 8), UInt8(bomb.count & 0xFF)] + bomb
        }
        #expect(throws: DataObjectError(.tooDeep(maximum: 4), at: 16)) {
            try DataObjects(bomb[...])
        }
        let many = [UInt8](repeating: 0x81, count: 2 * 65_536).enumerated().map {
            $0.offset % 2 == 0 ? $0.element : 0
        }
        #expect(throws: DataObjectError(.tooMany(maximum: 128), at: 256)) {
            try DataObjects(many[...])
        }
    }

    @Test("Offsets count from the start of the value, wherever it lies")
    func offsets() {
        let bytes: [UInt8] = [1, 2, 3, 0x9A, 0x05, 0x26]
        #expect(throws: DataObjectError(.lengthOverEnd(found: 5, left: 1), at: 1)) {
            try DataObjects(bytes[3...])
        }
    }
}
