public import Environment
public import Primitives
public import Topology

// How a node with an empty data folder gets its seat.
//
//   asks the nodes that its configuration lists, one after the other
//     ├── a seat ─────────────────▶ done: it is written down, and the node starts as that member
//     ├── refused ────────────────▶ told: what is wrong has to be put right first
//     └── nobody can tell now ────▶ the next one, after a pause: without a quorum of the cluster
//                                   nobody is admitted
//
// All tries bring the same token, so that an answer that was lost costs no id.

/// Asks a cluster for a seat.
public actor Joining {
    /// Why there is no seat, so far or at all.
    public enum Trouble: Hashable, Sendable {
        /// Nobody to ask is configured.
        case nobodyToAsk
        case refused(TopologyRefusal)
        /// This node could not give an answer; the others are asked, and it again.
        case unanswered(node: String, reason: String)
    }

    private nonisolated let loop: any NodeLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let plan: ClusterPlan
    private let shardCount: Int
    private let network: any Network
    private let channels: any SecureChannels
    private let token: UInt64
    private let onTrouble: @Sendable (Trouble) -> Void

    /// For a stream, and again for the answer, which may wait for an election.
    private static let connectTimeout = Duration.seconds(3)
    private static let answerTimeout = Duration.seconds(5)
    private static let pause = Duration.milliseconds(500)

    /// - Parameter onTrouble: told what stands in the way; of `unanswered`, it goes on.
    public init(
        plan: ClusterPlan, shardCount: Int, loop: any NodeLoop, network: any Network,
        channels: any SecureChannels, random: any RandomSource,
        onTrouble: @escaping @Sendable (Trouble) -> Void
    ) {
        self.plan = plan
        self.shardCount = shardCount
        self.loop = loop
        self.network = network
        self.channels = channels
        // 0 is that of nodes that were there from the beginning.
        token = random.next() | 1
        self.onTrouble = onTrouble
    }

    /// The seat, or nil when the cluster refuses to give one.
    public func run() async -> Seat? {
        guard !plan.others.isEmpty, let question = question() else {
            onTrouble(.nobodyToAsk)
            return nil
        }
        while true {
            for node in plan.others {
                switch await ask(node, question) {
                case .seat(let seat): return seat
                case .refused(let refusal):
                    onTrouble(.refused(refusal))
                    return nil
                case .again(let reason):
                    onTrouble(.unanswered(node: node.profile.name, reason: reason))
                }
            }
            await loop.sleep(for: Self.pause)
        }
    }

    private enum Try {
        case seat(Seat)
        case refused(TopologyRefusal)
        case again(String)
    }

    private func question() -> [UInt8]? {
        let command = TopologyCommand.join(
            plan.own.profile, token: token, shardCount: shardCount)
        let ask = PeerAsk(
            id: 1, group: ClusterNode.metaGroup, budget: Self.answerTimeout,
            payload: command.encoded)
        return try? PeerMessage.ask(ask).frame()
    }

    private func ask(_ node: ClusterPlan.Node, _ question: [UInt8]) async -> Try {
        let stream: any ByteStream
        switch await connect(to: node.address) {
        case .success(let made): stream = made
        case .failure(let error): return .again("\(error)")
        }
        let connection = GuestConnection(
            loop: loop, stream: stream, channel: channels.client(to: node.profile.name),
            question: question)
        switch await connection.ask(within: Self.answerTimeout) {
        case .failed(let reason): return .again(reason)
        case .answered(.answer(let bytes)): return read(bytes)
        case .answered(.moved), .answered(.overloaded):
            return .again("it admits nobody at the moment")
        }
    }

    private func connect(to address: SocketAddress) async -> Result<any ByteStream, NetworkError> {
        await loop.suspend { resumption in
            network.connect(to: address, timeout: Self.connectTimeout) { result in
                resumption.resume(returning: result)
            }
        }
    }

    private func read(_ bytes: [UInt8]) -> Try {
        switch try? TopologyReply(encoded: bytes) {
        case .done(let topology)?:
            let seat = Seat(
                of: plan.cluster, in: topology, name: plan.ownName, token: token)
            return seat.map { .seat($0) } ?? .again("its answer has no seat for this node")
        case .refused(.notFounded)?: return .again("the cluster has not begun yet")
        case .refused(let refusal)?: return .refused(refusal)
        case .unavailable?: return .again("no leader of the cluster can be reached")
        case nil: return .again("its answer cannot be read")
        }
    }
}
