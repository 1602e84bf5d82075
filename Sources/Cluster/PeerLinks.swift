public import Environment
import PeerWire
public import Primitives
import Resilience

// One link to each peer. Of two nodes the one with the lower id dials, so that there is one.
//
//   dialler    resting ── time ──▶ dialling ── stream ──▶ securing ── hello ──▶ up
//                 ▲                   │ refused              │ refused, silent    │ ended,
//                 └───────────────────┴──────────────────────┴────────────────────┘ silent
//   listener   absent ── stream, securing ── hello ──▶ up ── ended, silent, replaced ──▶ absent
//                                     └──── an ask of a guest ──▶ answered ──▶ absent
//
// A node that has had no link for long dials those of lower ids, too: they are not to be reached
// like this, and tell it if it is no member any more.
//
// A link is up once the channel has verified the peer's machine, and its hello has said which disk
// it is (`PeerHello`). A peer that dials again has forgotten the
// link that we still see: the new one replaces it. Both sides speak at least every liveness round,
// so that a link that is silent for long is half open, and is closed.

/// Who takes what peers say. Loop only.
package protocol PeerReceiver: AnyObject, Sendable {
    /// What this node says first.
    var hello: PeerHello { get }
    /// Nil when the member may be a peer.
    func refusal(of hello: PeerHello) -> PeerRefusal?
    /// A peer has said how much it knows; before `linkBegan`.
    func heard(_ hello: PeerHello)
    /// A peer says that this node is none of its.
    func wasRefused(_ refusal: PeerRefusal, by member: MemberID)
    /// A node without a seat asks for one.
    func guestAsked(_ ask: PeerAsk, by identity: NodeIdentity) async -> AskAnswer
    /// The way to the member is open; what was said before is lost.
    func linkBegan(_ member: MemberID)
    func received(_ message: PeerMessage, from member: MemberID)
    /// What was asked over the link will not be answered.
    func linkEnded(_ member: MemberID)
}

/// The node's links to its peers.
public actor PeerLinks: LoopActor {
    /// How links behave.
    public struct Options: Sendable {
        /// For a stream, and again for the channel's handshake.
        public var connectTimeout: Duration = .seconds(5)
        /// A link over which nothing came for so long is closed: several liveness rounds.
        public var silenceMax: Duration = .seconds(6)
        /// The bounds of the wait before the next try to dial.
        public var retryBase: Duration = .milliseconds(50)
        public var retryMax: Duration = .seconds(1)

        public init() {}
    }

    /// What was given to the links to one peer since the start.
    public struct Sent: Hashable, Sendable {
        public fileprivate(set) var frames = 0
        /// Of the frames, before they were encrypted.
        public fileprivate(set) var bytes = 0

        public init() {}
    }

    private enum Dial {
        case resting(any LoopTimer)
        case dialling
        case securing(PeerConnection)
        case up(PeerConnection)
    }

    public nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private var members: ClusterMembers
    private let network: any Network
    private let channels: any SecureChannels
    private let random: any RandomSource
    private let options: Options
    private let onTrouble: @Sendable (ClusterMember?, Trouble) -> Void

    private var dials: [MemberID: Dial] = [:]
    private var backoffs: [MemberID: Backoff] = [:]
    private var accepted: [MemberID: PeerConnection] = [:]
    /// Streams of nobody yet.
    private var securing: [PeerConnection] = []
    /// Those of them that asked for a seat: that they end is no trouble.
    private var guests: Set<ObjectIdentifier> = []
    /// Their asks that are worked on.
    private var guestCount = 0
    private var listener: (any StreamListener)?
    private weak var receiver: (any PeerReceiver)?
    private var isStopped = false
    /// What was written, by peer; a peer that has had nothing is not there.
    public private(set) var sent: [MemberID: Sent] = [:]

    /// Handshakes of strangers at a time: each holds a few kilobytes and, for a moment, a core.
    private static let securingCountMax = 64

    /// Streams that did not become links and links that ended, by `Trouble.reason`.
    public private(set) var troubleCounts: [String: Int] = [:]

    /// - Parameter onTrouble: told why a link is not there; the member where it is known.
    public init(
        members: ClusterMembers, loop: any NodeLoop, network: any Network,
        channels: any SecureChannels, random: any RandomSource, options: Options = Options(),
        onTrouble: @escaping @Sendable (ClusterMember?, Trouble) -> Void
    ) {
        self.members = members
        self.loop = loop
        self.network = network
        self.channels = channels
        self.random = random
        self.options = options
        self.onTrouble = onTrouble
    }

    /// Listens for peers, before `ClusterNode.start` dials them. Loop only.
    public nonisolated func listen(on address: SocketAddress) throws(NetworkError) {
        let problem = onLoop { links -> NetworkError? in
            do throws(NetworkError) {
                links.listener = try links.network.listen(on: address) { [self] stream in
                    onLoop { $0.accept(stream) }
                }
                return nil
            } catch {
                return error
            }
        }
        if let problem { throw problem }
    }

    package func start(receiver: any PeerReceiver) {
        self.receiver = receiver
        dialPeers()
        scheduleKnock()
    }

    private func scheduleKnock() {
        loop.schedule(after: options.silenceMax) { [self] in
            onLoop { links in
                guard !links.isStopped else { return }
                if links.connected.isEmpty { links.knock() }
                links.scheduleKnock()
            }
        }
    }

    /// Asks those who should dial this node whether they know it.
    private func knock() {
        for peer in members.peers where peer.id < members.own && dials[peer.id] == nil {
            dial(peer.id)
        }
    }

    /// Takes other members: links to those who are gone end, those to new ones begin.
    package nonisolated func update(_ members: ClusterMembers) {
        onLoop { links in
            for peer in links.members.peers where members[peer.id] == nil { links.drop(peer.id) }
            links.members = members
            if links.receiver != nil { links.dialPeers() }
        }
    }

    private func dialPeers() {
        for peer in members.peers where peer.id > members.own && dials[peer.id] == nil {
            backoffs[peer.id] = Backoff(base: options.retryBase, cap: options.retryMax)!
            dial(peer.id)
        }
    }

    private func drop(_ member: MemberID) {
        backoffs[member] = nil
        let dial = dials.removeValue(forKey: member)
        switch dial {
        case .resting(let timer)?: timer.cancel()
        case .dialling?, nil: break
        case .securing(let connection)?, .up(let connection)?: connection.end(.dropped)
        }
        accepted.removeValue(forKey: member)?.end(.dropped)
    }

    func stop() {
        isStopped = true
        listener?.close()
        // In an order, so that a seed tells it.
        for member in dials.keys.sorted() {
            switch dials[member]! {
            case .resting(let timer): timer.cancel()
            case .dialling: break
            case .securing(let connection), .up(let connection): connection.close()
            }
        }
        for member in accepted.keys.sorted() { accepted[member]?.close() }
        for connection in securing { connection.abort() }
        dials = [:]
        accepted = [:]
        securing = []
    }

    /// Peers whose link is up, by rising id.
    package var connected: [MemberID] {
        members.peers.map(\.id).filter { connection(to: $0) != nil }
    }

    /// Sends a message, or says that it could not: the link is down, or too much waits on it.
    package nonisolated func post(_ message: PeerMessage, to member: MemberID) -> Bool {
        onLoop { links in
            guard links.connection(to: member) != nil, let frame = try? message.frame() else {
                return false
            }
            return links.post(frame, to: member)
        }
    }

    /// The same for a message that is a frame already.
    nonisolated func post(_ frame: [UInt8], to member: MemberID) -> Bool {
        onLoop { links in
            guard let connection = links.connection(to: member), connection.write(frame) else {
                return false
            }
            links.sent[member, default: Sent()].frames += 1
            links.sent[member, default: Sent()].bytes += frame.count
            return true
        }
    }

    private func connection(to member: MemberID) -> PeerConnection? {
        if let connection = accepted[member] { return connection }
        guard case .up(let connection)? = dials[member] else { return nil }
        return connection
    }

    // MARK: Dialling

    private func dial(_ member: MemberID) {
        guard !isStopped, let peer = members[member] else { return }
        dials[member] = .dialling
        network.connect(to: peer.address, timeout: options.connectTimeout) { [self] result in
            onLoop { $0.dialled(member, result) }
        }
    }

    private func dialled(_ member: MemberID, _ result: Result<any ByteStream, NetworkError>) {
        guard !isStopped, case .dialling? = dials[member], let peer = members[member] else {
            if case .success(let stream) = result { stream.abort() }
            return
        }
        switch result {
        case .failure(let error):
            tell(peer, .network(error))
            rest(member)
        case .success(let stream):
            let connection = PeerConnection(
                loop: loop, stream: stream, channel: channels.client(to: peer.name), links: self,
                handshakeTimeout: options.connectTimeout, silenceMax: options.silenceMax)
            dials[member] = .securing(connection)
            connection.start()
        }
    }

    private func rest(_ member: MemberID) {
        guard !isStopped, var backoff = backoffs[member] else {
            // It was a knock.
            dials[member] = nil
            return
        }
        // At least the half, so that a peer that refuses at once is not asked without a pause.
        let pause = options.retryBase / 2 + backoff.next(chance: random.next())
        backoffs[member] = backoff
        dials[member] = .resting(
            loop.schedule(after: pause) { [self] in
                onLoop { links in
                    if case .resting? = links.dials[member] { links.dial(member) }
                }
            })
    }

    // MARK: Accepting

    private func accept(_ stream: any ByteStream) {
        guard !isStopped else { return stream.abort() }
        if securing.count >= Self.securingCountMax {
            // Whoever is silent for longest goes: a peer is not, and no stranger may keep it out.
            guard let oldest = securing.first(where: { !guests.contains(ObjectIdentifier($0)) })
            else { return stream.abort() }
            oldest.end(.tooManyHandshakes)
        }
        let connection = PeerConnection(
            loop: loop, stream: stream, channel: channels.server(), links: self,
            handshakeTimeout: options.connectTimeout, silenceMax: options.silenceMax)
        securing.append(connection)
        connection.start()
    }

    private func isSecuring(_ connection: PeerConnection) -> Bool {
        securing.contains { $0 === connection }
    }

    // MARK: What connections say

    /// The peer's machine is verified. Whoever dialled says first which disk it is.
    func established(_ peer: VerifiedPeer, _ connection: PeerConnection) {
        guard !isStopped, let receiver else { return connection.end(.stranger(peer.identity)) }
        guard !isSecuring(connection) else { return }
        guard let member = members.member(of: peer.identity),
            case .securing(let current)? = dials[member.id], current === connection
        else { return connection.end(.stranger(peer.identity)) }
        say(.hello(receiver.hello), on: connection)
    }

    /// The first message on a connection.
    func opened(
        by message: PeerMessage, _ peer: VerifiedPeer, _ connection: PeerConnection
    ) {
        guard !isStopped, let receiver else { return connection.end(.stranger(peer.identity)) }
        if isSecuring(connection) {
            accept(message, of: peer.identity, on: connection, receiver)
        } else if let member = members.member(of: peer.identity) {
            answered(by: message, of: member, on: connection, receiver)
        } else {
            connection.end(.stranger(peer.identity))
        }
    }

    private func accept(
        _ message: PeerMessage, of identity: NodeIdentity, on connection: PeerConnection,
        _ receiver: any PeerReceiver
    ) {
        switch message {
        case .hello where guests.contains(ObjectIdentifier(connection)):
            connection.end(.frame)
        case .hello(let hello):
            let refusal = receiver.refusal(of: hello)
            guard refusal == nil, let member = members[hello.member],
                member == members.member(of: identity)
            else {
                let refusal = refusal ?? .unknownMember
                say(.refusal(refusal), on: connection)
                return connection.end(.refused(identity, refusal))
            }
            // One of a higher id that knocks: it may have moved, so that it is not found where it
            // is dialled.
            guard member.id < members.own || self.connection(to: member.id) == nil else {
                return connection.end(.wrongDirection(identity))
            }
            securing.removeAll { $0 === connection }
            let old = accepted.updateValue(connection, forKey: member.id)
            connection.member = member.id
            old?.end(.replaced)
            say(.hello(receiver.hello), on: connection)
            receiver.heard(hello)
            receiver.linkBegan(member.id)
        case .ask(let ask):
            guard guestCount < Self.securingCountMax,
                guests.insert(ObjectIdentifier(connection)).inserted
            else { return connection.end(.frame) }
            guestCount += 1
            let bounded = PeerAsk(
                id: ask.id, group: ask.group, budget: min(ask.budget, options.connectTimeout),
                payload: ask.payload)
            _ = Task {
                let answer = await receiver.guestAsked(bounded, by: identity)
                self.guestCount -= 1
                self.say(.answer(ask.id, answer), on: connection)
            }
        case .groups, .liveness, .gossip, .answer, .refusal, .topology:
            connection.end(.frame)
        }
    }

    private func answered(
        by message: PeerMessage, of member: ClusterMember, on connection: PeerConnection,
        _ receiver: any PeerReceiver
    ) {
        guard case .securing(let current)? = dials[member.id], current === connection else {
            return connection.end(.frame)
        }
        switch message {
        case .hello(let hello):
            let refusal = receiver.refusal(of: hello)
            guard hello.member == member.id, refusal == nil else {
                return connection.end(.refusedByPeer(refusal ?? .unknownMember))
            }
            dials[member.id] = .up(connection)
            connection.member = member.id
            // It had knocked, and is found now.
            if member.id > members.own { accepted.removeValue(forKey: member.id)?.end(.replaced) }
            backoffs[member.id]?.reset()
            receiver.heard(hello)
            receiver.linkBegan(member.id)
        case .refusal(let refusal):
            connection.end(.refusedByPeer(refusal))
            receiver.wasRefused(refusal, by: member.id)
        case .groups, .liveness, .gossip, .ask, .answer, .topology:
            connection.end(.frame)
        }
    }

    private func say(_ message: PeerMessage, on connection: PeerConnection) {
        guard let frame = try? message.frame() else { return }
        _ = connection.write(frame)
    }

    func received(_ message: PeerMessage, from member: MemberID) {
        receiver?.received(message, from: member)
    }

    private func tell(_ member: ClusterMember?, _ trouble: Trouble) {
        troubleCounts[trouble.reason, default: 0] += 1
        onTrouble(member, trouble)
    }

    /// A connection is over. Called once for each.
    func ended(_ connection: PeerConnection, _ trouble: Trouble) {
        securing.removeAll { $0 === connection }
        let dialled = dials.first { _, dial in
            switch dial {
            case .securing(let current), .up(let current): current === connection
            case .resting, .dialling: false
            }
        }?.key
        guard guests.remove(ObjectIdentifier(connection)) == nil else { return }
        tell((connection.member ?? dialled).flatMap { members[$0] }, trouble)
        if let dialled, members[dialled] != nil { rest(dialled) }
        guard let member = connection.member else { return }
        if accepted[member] === connection { accepted[member] = nil }
        receiver?.linkEnded(member)
    }
}
