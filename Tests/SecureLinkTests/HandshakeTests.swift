import Environment
import Primitives
import SecureLink
import Testing

@Suite("Two nodes verify each other")
struct HandshakeTests {
    private let authority: ClusterAuthority
    private let one: TLSChannels
    private let two: TLSChannels

    init() throws {
        authority = try .testing()
        one = try authority.channels(of: "node-1")
        two = try authority.channels(of: "node-2")
    }

    @Test("both learn who the other is, and then understand each other", arguments: [.max, 1, 7])
    func established(portion: Int) throws {
        var pair = Pair(one, to: "node-2", two)
        #expect(!pair.client.send([1]) && !pair.server.send([1]))
        pair.exchange(portion: portion)
        #expect(pair.clientEvents.peer == two.identity)
        #expect(pair.serverEvents.peer == one.identity)
        let text = pattern(100_000)
        #expect(pair.client.send(text))
        #expect(pair.server.send(Array(text.reversed())))
        pair.exchange(portion: portion)
        #expect(pair.serverEvents.plaintext == text)
        #expect(pair.clientEvents.plaintext == text.reversed())
        pair.client.close()
        pair.exchange(portion: portion)
        #expect(pair.serverEvents.last == .closed)
        #expect(pair.client.state == .closed && pair.server.state == .closed)
    }
}
