import Environment
package import Primitives
import Raft

// Handing the leadership over in good order.
//
//   stays ── move ──▶ nothing new is begun ── all has ended ──▶ handed over ──▶ led elsewhere
//                          │                                        └─ not taken ──▶ stays
//                          └─ it takes too long ── urgent ─▶ handed over all the same
//                                               ── not ────▶ stays
//
// An attempt that waits for an acquirer when its leader goes is unknown to the next one, and is
// reversed: a client would hear of an error where nothing had failed.

/// What to do when something under way does not end.
package enum MoveUrgency: Sendable {
    /// The leadership stays, and may move another time.
    case whenIdle
    /// It moves all the same.
    case soon
}

extension ShardHost {
    /// Longer than acquirers usually take to answer, and short for a request that waits.
    private static let patience = Duration.milliseconds(1500)
    /// A shard that cannot be handed over works meanwhile.
    private static let restAfterVain = Duration.seconds(4)
    private static let lookInterval = Duration.milliseconds(5)

    /// Whether the leadership is being handed over in good order. Loop only.
    public nonisolated var isMovingNow: Bool { onLoop { $0.isMoving } }

    /// Begins to hand the leadership to any peer.
    public nonisolated func moveAway() {
        move(to: node.peersForHandOver, .soon)
    }

    @discardableResult
    package nonisolated func move(to peers: [MemberID], _ urgency: MoveUrgency) -> Bool {
        onLoop { $0.beginMove(to: peers, urgency) }
    }

    private func beginMove(to peers: [MemberID], _ urgency: MoveUrgency) -> Bool {
        let able = peers.filter { canMove(to: $0) }
        guard raft.servingTerm != nil, !isMoving, !able.isEmpty, loop.now >= nextMoveAt else {
            return false
        }
        isMoving = true
        // Those that did not take it the last time come last.
        let order = able.filter { !vainTargets.contains($0) } + able.filter(vainTargets.contains)
        _ = Task { await self.finishMove(to: order, urgency) }
        return true
    }

    private func finishMove(to peers: [MemberID], _ urgency: MoveUrgency) async {
        let isIdle = await comeToRest()
        let target = isIdle || urgency == .soon ? peers.first { transfer(to: $0) == nil } : nil
        if let target {
            let end = loop.now + raft.options.electionTimeout
            while raft.servingTerm != nil, loop.now < end {
                await loop.sleep(for: Self.lookInterval)
            }
            if raft.servingTerm != nil {
                noteVain(target)
            } else if loop.now >= nextMoveAt {
                vainTargets = []
            }
        } else if raft.servingTerm != nil {
            nextMoveAt = loop.now + Self.restAfterVain
        }
        endMove()
    }

    /// The target did not take the leadership.
    func noteVain(_ target: MemberID) {
        vainTargets.insert(target)
        nextMoveAt = loop.now + Self.restAfterVain
    }

    /// Begins to hand the leadership over by hand: waits until nothing is under way any more that a
    /// new leader could not finish, though not for long. False when it is being handed over
    /// already; otherwise `endMove` follows.
    public func beginMove() async -> Bool {
        guard !isMoving else { return false }
        isMoving = true
        _ = await comeToRest()
        return true
    }

    /// Work begins again, where the shard is still led here.
    public func endMove() {
        isMoving = false
        observer?.shardStays(group)
    }

    /// False when something is still under way. Nothing new is begun until `shardStays`.
    private func comeToRest() async -> Bool {
        let end = loop.now + Self.patience
        while observer?.shardIsMoving(group) == true {
            guard raft.servingTerm != nil, loop.now < end else { return false }
            await loop.sleep(for: Self.lookInterval)
        }
        return true
    }
}
