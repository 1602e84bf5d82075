import Environment
import PeerWire
import Primitives
import SecureLink

/// What a link between two nodes costs on one thread that does the work of both ends, in memory.
struct LinkBench {
    struct Row {
        let name: String
        let value: Double
        let unit: String
    }

    private static let handshakeCount = 300
    private static let writeCount = 4_000
    private static let writeByteCount = 65_536
    private static let frameCount = 1_000_000
    private static let batchCount = 64

    /// - Throws: `LinkCredentialError`, `PeerFrameError`.
    func run() throws -> [Row] {
        let now = Timestamp(milliseconds: 1_780_315_200_000)
        let authority = try ClusterAuthority.make(cluster: "bench", now: now)
        let nodes = try ["one", "two"].map { name in
            guard let node = NodeIdentity(cluster: "bench", region: "eu", name: name) else {
                preconditionFailure("a name that is none")
            }
            return try TLSChannels(authority.issue(to: node, now: now)) { now }
        }
        return [
            handshakes(nodes[0], nodes[1]), try writes(nodes[0], nodes[1]),
            try frames("single frames of 256 bytes", messagesOfFrame: 1),
            try frames(
                "messages of 256 bytes, \(Self.batchCount) a frame",
                messagesOfFrame: Self.batchCount),
        ]
    }

    private func open(
        _ one: TLSChannels, _ two: TLSChannels
    ) -> (client: any SecureChannel, server: any SecureChannel) {
        let client = one.client(to: two.identity.name)
        let server = two.server()
        _ = server.receive(client.takeOutgoing())
        _ = client.receive(server.takeOutgoing())
        _ = server.receive(client.takeOutgoing())
        guard case .open = server.state else { preconditionFailure("\(server.state)") }
        return (client, server)
    }

    private func handshakes(_ one: TLSChannels, _ two: TLSChannels) -> Row {
        let clock = ContinuousClock()
        let begun = clock.now
        for _ in 0..<Self.handshakeCount { _ = open(one, two) }
        let seconds = Double((clock.now - begun).wholeNanoseconds) / 1e9
        return Row(
            name: "mutual TLS 1.3 handshakes, both ends",
            value: Double(Self.handshakeCount) / seconds, unit: "/s")
    }

    private func writes(_ one: TLSChannels, _ two: TLSChannels) throws -> Row {
        let (client, server) = open(one, two)
        let bytes = [UInt8](repeating: 7, count: Self.writeByteCount)
        var count = 0
        let clock = ContinuousClock()
        let begun = clock.now
        for _ in 0..<Self.writeCount {
            guard client.send(bytes) else { break }
            for case .received(let part) in server.receive(client.takeOutgoing()) {
                count += part.count
            }
        }
        let seconds = Double((clock.now - begun).wholeNanoseconds) / 1e9
        precondition(count == Self.writeCount * Self.writeByteCount, "\(count) bytes arrived")
        return Row(
            name: "writes of 64 KiB, encrypted and decrypted",
            value: Double(count) / seconds / 1e6, unit: " MB/s")
    }

    private func frames(_ name: String, messagesOfFrame: Int) throws -> Row {
        let message = [UInt8](repeating: 7, count: 256)
        let header = PeerFrameHeader(
            kind: PeerFrameHeader.Kind(rawValue: 1), requestID: 1, budget: .seconds(1))
        var decoder = PeerFrameDecoder()
        var count = 0
        let clock = ContinuousClock()
        let begun = clock.now
        for _ in 0..<(Self.frameCount / messagesOfFrame) {
            var writer = PeerFrameWriter(capacity: messagesOfFrame * (message.count + 2))
            for _ in 0..<messagesOfFrame { writer.payload.write(message) }
            decoder.feed(try writer.finish(header))
            while let frame = try decoder.next() {
                var reader = ByteReader(frame.payload)
                while reader.remainingCount > 0 {
                    count += (try? reader.readSlice().count) ?? reader.remainingCount
                }
            }
        }
        let nanoseconds = Double((clock.now - begun).wholeNanoseconds)
        return Row(
            name: name, value: nanoseconds / Double(count / message.count),
            unit: " ns, written and read")
    }
}
