import PeerWire
import Primitives
import Testing

@Suite struct FrameTests {
    private static let header = PeerFrameHeader(
        kind: PeerFrameHeader.Kind(rawValue: 7), requestID: 0x0102_0304_0506_0708,
        group: GroupID(9), budget: .milliseconds(1500))

    @Test("a frame is read as it was written")
    func roundTrip() throws {
        let frame = PeerFrame(header: Self.header, payload: [1, 2, 3])
        var decoder = PeerFrameDecoder()
        decoder.feed(try frame.encoded())
        #expect(try decoder.next() == frame)
        #expect(try decoder.next() == nil)
        #expect(decoder.pendingByteCount == 0)
    }
}
