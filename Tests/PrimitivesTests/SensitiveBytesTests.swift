import Primitives
import Testing

@Suite struct SensitiveBytesTests {
    @Test("bytes are kept in order however they come, and grow past the room that was asked for")
    func keepsBytes() {
        let bytes = SensitiveBytes(capacity: 2)
        var expected: [UInt8] = []
        for number in 0..<40 as Range<UInt8> {
            let part = [UInt8](repeating: number, count: Int(number))
            if number % 2 == 0 { bytes.append(part) } else { bytes.append(part.lazy.map { $0 }) }
            expected += part
        }
        #expect(bytes.count == expected.count)
        #expect(bytes.read { Array($0) } == expected)
        #expect(!bytes.isEmpty && SensitiveBytes().isEmpty)
    }

    @Test("a wipe reaches every holder and leaves the count")
    func wipes() {
        let source = Array("4242424242424242".utf8)
        let bytes = SensitiveBytes(copying: source)
        let other = bytes
        #expect(!other.isWiped)
        bytes.wipe()
        #expect(other.isWiped && other.count == 16)
        #expect(source.first == UInt8(ascii: "4"))
    }

    @Test("nothing of the bytes is left in memory once the last holder has let them go")
    func endsClean() throws {
        var random = SeededRandom(seed: 0x5EC2E7)
        let mask = random.next()
        let words = (0..<4).map { _ in random.next() }
        // Grows on the way, so that what it leaves behind is looked for too.
        var bytes: SensitiveBytes? = SensitiveBytes(capacity: 1)
        for word in words {
            for place in 0..<8 {
                let byte = UInt8(truncatingIfNeeded: (word ^ mask) >> (place * 8))
                bytes?.append(CollectionOfOne(byte))
            }
        }
        let before = try #require(OwnMemory.count(of: words, mask: mask))
        #expect(before > 0)
        withExtendedLifetime(bytes) {}
        bytes = nil
        #expect(OwnMemory.count(of: words, mask: mask) == 0)
    }

    @Test("nothing shows in text")
    func redaction() {
        let bytes = SensitiveBytes(copying: "4242".utf8)
        var text = "\(bytes)"
        dump(bytes, to: &text)
        #expect(!text.contains("4242") && !text.contains("52"))
    }
}
