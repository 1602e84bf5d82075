import Foundation
import PeerWire
import Primitives
import Testing

/// No bytes end the process; none are read as a frame that was not written. What once failed is a
/// script in `Tests/Scripts/peerwire`.
@Suite struct FuzzTests {
    private static let count =
        ProcessInfo.processInfo.environment["SUNNY_FUZZ_COUNT"].flatMap { Int($0) } ?? 100_000

    @Test("mutated streams give frames that were sent, and then a reason")
    func mutated() throws {
        var random = SeededRandom(seed: 7)
        let sent = (0..<4).map { index in
            PeerFrame(
                header: PeerFrameHeader(
                    kind: .test, requestID: UInt64(index), group: GroupID(1),
                    budget: .seconds(index)),
                payload: (0..<(index * 13)).map { UInt8($0) }[...])
        }
        let stream = try sent.flatMap { frame in try frame.encoded() }
        var refusedCount = 0
        for _ in 0..<Self.count {
            var bytes = stream
            for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&bytes, &random) }
            var decoder = PeerFrameDecoder()
            var received: [PeerFrame] = []
            let cut = Int.random(in: 0...bytes.count, using: &random)
            do throws(PeerFrameError) {
                for part in [bytes[..<cut], bytes[cut...]] {
                    decoder.feed(Array(part))
                    while let frame = try decoder.next() { received.append(frame) }
                }
            } catch { refusedCount += 1 }
            #expect(
                received.allSatisfy(sent.contains), "feed\n\(hexadecimal(bytes))")
            #expect(decoder.pendingByteCount <= bytes.count)
        }
        print("peer frames: fuzz of \(Self.count) streams: \(refusedCount) refused")
        #expect(refusedCount > Self.count / 2 && refusedCount < Self.count)
    }

    @Test("random bytes are refused at once, and none wait for a length that they made up")
    func random() {
        var random = SeededRandom(seed: 8)
        for _ in 0..<Self.count {
            var bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Half of them begin as a frame does.
            if bytes[39] < 128 { bytes.replaceSubrange(0..<3, with: [0x53, 0x46, 1]) }
            var decoder = PeerFrameDecoder()
            decoder.feed(bytes)
            if (try? decoder.next()) != nil { Issue.record("feed\n\(hexadecimal(bytes))") }
            guard decoder.pendingByteCount > 0 else { continue }
            Issue.record("waits: feed\n\(hexadecimal(bytes))")
        }
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 3: bytes.remove(at: place)
        case 4: bytes.removeLast(bytes.count - place)
        default:
            let end = Int.random(in: place..<bytes.count, using: &random)
            bytes.append(contentsOf: bytes[place...end])
        }
    }
}
