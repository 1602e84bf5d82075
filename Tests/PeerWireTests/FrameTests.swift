import PeerWire
import Primitives
import Testing

@Suite("Frames between nodes")
struct FrameTests {
    private let header = PeerFrameHeader(
        kind: .test, requestID: 0x0102_0304_0506_0708, group: GroupID(9),
        budget: .milliseconds(1500))

    private func frames(
        _ decoder: inout PeerFrameDecoder
    ) throws(PeerFrameError) -> [PeerFrame] {
        var frames: [PeerFrame] = []
        while let frame = try decoder.next() { frames.append(frame) }
        return frames
    }

    @Test("frames are read as they were written, in whatever portions they arrive")
    func portions() throws {
        var random = SeededRandom(seed: 3)
        for round in 0..<200 {
            let sent = (0..<20).map { index in
                let count = Int.random(in: 0...(index == 7 ? 70_000 : 300), using: &random)
                let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ index) }
                return PeerFrame(
                    header: PeerFrameHeader(
                        kind: .test, requestID: UInt64(index), group: GroupID(UInt32(round)),
                        budget: index % 2 == 0 ? nil : .microseconds(index)),
                    payload: payload[...])
            }
            let stream = try sent.flatMap { frame in try frame.encoded() }
            var decoder = PeerFrameDecoder()
            var received: [PeerFrame] = []
            var place = 0
            while place < stream.count {
                let portion = Int.random(in: 1...(round % 2 == 0 ? 65_536 : 90), using: &random)
                let end = min(stream.count, place + portion)
                decoder.feed(Array(stream[place..<end]))
                received += try frames(&decoder)
                place = end
            }
            #expect(received == sent)
            #expect(decoder.pendingByteCount == 0)
        }
    }

    @Test("a batch of small messages is written in place and read as views")
    func batch() throws {
        var writer = PeerFrameWriter()
        for message in 0..<100 {
            writer.payload.write([UInt8](repeating: UInt8(message), count: 30))
        }
        #expect(writer.payloadByteCount == 3100)
        let bytes = try writer.finish(header)
        #expect(bytes.count == 3100 + PeerFrame.headerByteCount)
        var decoder = PeerFrameDecoder()
        decoder.feed(bytes)
        let frame = try #require(try decoder.next())
        var reader = ByteReader(frame.payload)
        for message in 0..<100 {
            let slice = try reader.readSlice()
            #expect(slice.count == 30 && slice.first == UInt8(message))
            // The view is into what was fed.
            let isInside = bytes.withUnsafeBufferPointer { whole in
                slice.withUnsafeBufferPointer { part in
                    whole.baseAddress! <= part.baseAddress!
                        && part.baseAddress! < whole.baseAddress! + whole.count
                }
            }
            #expect(isInside)
        }
        try reader.finish()
    }

    @Test("a frame that was taken stays what it was, whatever comes after it")
    func views() throws {
        var decoder = PeerFrameDecoder()
        var kept: [PeerFrame] = []
        let one = try PeerFrame(header: header, payload: [1, 2, 3]).encoded()
        let two = try PeerFrame(header: header, payload: [4, 5, 6]).encoded()
        for part in [one + two.prefix(33), two.dropFirst(33) + one, one] {
            decoder.feed(Array(part))
            kept += try frames(&decoder)
        }
        #expect(kept.map { Array($0.payload) } == [[1, 2, 3], [4, 5, 6], [1, 2, 3], [1, 2, 3]])
    }

    @Test("the largest payload fits, and one byte more does not, at either end")
    func largest() throws {
        let most = PeerFrame.payloadByteCountMax
        var writer = PeerFrameWriter(capacity: most)
        writer.payload.writeRaw([UInt8](repeating: 5, count: most))
        #expect(writer.hasRoom(for: 0) && !writer.hasRoom(for: 1))
        var full = try writer.finish(header)
        var decoder = PeerFrameDecoder()
        decoder.feed(full)
        #expect(try decoder.next()?.payload.count == most)

        writer = PeerFrameWriter(capacity: most)
        writer.payload.writeRaw([UInt8](repeating: 5, count: most + 1))
        #expect(
            throws: PeerFrameError.tooLong(byteCount: most + 1, maximum: most, offset: 0)
        ) { try writer.finish(header) }

        // A peer that writes one is found out at the header, before the payload has come.
        full[4] += 1
        var head = Array(full.prefix(28))
        var sum = ByteWriter()
        sum.writeFixed(CRC32C.checksum(head))
        head += sum.bytes
        decoder = PeerFrameDecoder()
        decoder.feed(try PeerFrame(header: header, payload: []).encoded() + head)
        _ = try decoder.next()
        #expect(
            throws: PeerFrameError.tooLong(byteCount: most + 1, maximum: most, offset: 32)
        ) { try decoder.next() }
    }

    @Test("after an error there is only the error")
    func afterError() throws {
        var decoder = PeerFrameDecoder()
        let good = try PeerFrame(header: header, payload: [1]).encoded()
        decoder.feed(good + [0x53, 0x47])
        #expect(try decoder.next() != nil)
        let error = PeerFrameError.notAFrame(offset: 33)
        #expect(throws: error) { try decoder.next() }
        decoder.feed(good)
        #expect(throws: error) { try decoder.next() }
        #expect(decoder.pendingByteCount == 0)
    }

    @Test("a byte at a time costs a constant number of steps a byte")
    func slowPeer() throws {
        // The bytes move at most once between buffers: what this counts is that it ends at all,
        // for a quadratic decoder would copy 8 TiB.
        var decoder = PeerFrameDecoder()
        let payload = [UInt8](repeating: 1, count: PeerFrame.payloadByteCountMax)
        let bytes = try PeerFrame(header: header, payload: payload[...]).encoded()
        var found = 0
        for byte in bytes {
            decoder.feed([byte])
            if try decoder.next() != nil { found += 1 }
        }
        #expect(found == 1)
    }

    @Test("a budget is never longer on arrival than it was")
    func budgets() throws {
        for (sent, arrived) in [
            (Duration.nanoseconds(999), Duration.zero), (.nanoseconds(1999), .microseconds(1)),
            (.seconds(30), .seconds(30)), (.seconds(-1), .zero),
            (.seconds(5000), .microseconds(4_294_967_294)),
        ] {
            var decoder = PeerFrameDecoder()
            let header = PeerFrameHeader(kind: .test, budget: sent)
            decoder.feed(try PeerFrame(header: header, payload: []).encoded())
            #expect(try decoder.next()?.header.budget == arrived)
        }
    }
}
