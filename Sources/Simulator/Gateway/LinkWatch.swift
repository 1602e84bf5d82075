import Environment
import ISO8583
import Primitives

/// Looks over the shoulder of whoever writes to the acquirer: a node that owns a region's links
/// writes, and nobody else does at the same moment. The nodes say when they begin to own them; what
/// is written is seen on its way to the network, as it would leave the machine.
///
/// Leases promise it without any slack: whoever is followed by another owner wrote its last byte
/// before that one began.
// Proof of `Sendable`: a world and all its loops run on one thread.
final class LinkWatch: @unchecked Sendable {
    private let world: World
    /// The newest term in which a region's links are owned, and by whom.
    private var newest: [String: (term: Term, node: String)] = [:]
    /// The newest term in which a node owned a region's links.
    private var terms: [String: [String: Term]] = [:]
    private var found: [String: Int] = [:]
    private(set) var writeCount = 0

    init(_ world: World) {
        self.world = world
    }

    var violations: [String] {
        found.sorted { $0.key < $1.key }.map { "\($0.key), \($0.value) times" }
    }

    /// A node begins to own a region's links.
    func began(_ region: String, _ term: Term, node: String) {
        terms[node, default: [:]][region] = term
        if let owner = newest[region], owner.term >= term { return }
        newest[region] = (term, node)
        world.note("\(node) owns the links of \(region) in term \(term)")
    }

    /// The node's network, seen by the watch.
    func network(_ network: any Network, of node: String) -> any Network {
        WatchedNetwork(network: network, watch: self, node: node)
    }

    fileprivate func term(of region: String, at node: String) -> Term? {
        terms[node]?[region]
    }

    fileprivate func sawWrite(of node: String, region: String, term: Term) {
        writeCount += 1
        guard let owner = newest[region], owner.term > term else { return }
        let text =
            "P2 \(node) wrote to the links of \(region) in term \(term), "
            + "and \(owner.node) owns them in \(owner.term)"
        found[text, default: 0] += 1
    }
}

private struct WatchedNetwork: Network {
    let network: any Network
    let watch: LinkWatch
    let node: String

    func listen(
        on address: SocketAddress, onAccept: @escaping @Sendable (any ByteStream) -> Void
    ) throws(NetworkError) -> any StreamListener {
        try network.listen(on: address, onAccept: onAccept)
    }

    func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping @Sendable (Result<any ByteStream, NetworkError>) -> Void
    ) {
        guard address == GatewayWorld.acquirerAddress else {
            return network.connect(to: address, timeout: timeout, completion: completion)
        }
        network.connect(to: address, timeout: timeout) { [watch, node] result in
            completion(
                result.map { WatchedStream(stream: $0, watch: watch, node: node) })
        }
    }
}

/// A stream to the acquirer. The sign-on, with which it begins, says for which region it is.
// Proof of `Sendable`: a world and all its loops run on one thread.
private final class WatchedStream: ByteStream, @unchecked Sendable {
    private let stream: any ByteStream
    private let watch: LinkWatch
    private let node: String
    /// Of the owner that opened the stream.
    private var place: (region: String, term: Term)?

    init(stream: any ByteStream, watch: LinkWatch, node: String) {
        self.stream = stream
        self.watch = watch
        self.node = node
    }

    func start(_ handler: any ByteStreamHandler) { stream.start(handler) }
    var unsentByteCount: Int { stream.unsentByteCount }
    func pauseReading() { stream.pauseReading() }
    func resumeReading() { stream.resumeReading() }
    func close() { stream.close() }
    func abort() { stream.abort() }

    func write(_ bytes: [UInt8]) {
        if place == nil, let region = Self.region(in: bytes),
            let term = watch.term(of: region, at: node)
        {
            place = (region, term)
        }
        if let place { watch.sawWrite(of: node, region: place.region, term: place.term) }
        stream.write(bytes)
    }

    private static func region(in bytes: [UInt8]) -> String? {
        var decoder = FrameDecoder(.link)
        decoder.feed(bytes)
        guard case .message(let content)? = try? decoder.next(),
            let message = try? Codec.decode(content, specification: .sunny1987),
            let element = message.text(.privateData), element.hasPrefix("91")
        else { return nil }
        return String(element.dropFirst(4))
    }
}
