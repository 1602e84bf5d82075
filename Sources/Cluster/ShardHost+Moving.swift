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
    private static var patience: Duration { .milliseconds(1500) }
    private static var lookInterval: Duration { .milliseconds(5) }

    /// Whether the leadership is being handed over in good order. Loop only.
    public nonisolated var isMovingNow: Bool { assumeIsolated { $0.isMoving } }

    /// Begins to hand the leadership to any peer.
    public nonisolated func moveAway() {
        move(to: node.peersForHandOver, .soon)
    }

    @discardableResult
    package nonisolated func move(to peers: [MemberID], _ urgency: MoveUrgency) -> Bool {
        assumeIsolated { $0.beginMove(to: peers, urgency) }
    }

    private func beginMove(to peers: [MemberID], _ urgency: MoveUrgency) -> Bool {
        guard raft.servingTerm != nil, !isMoving, !peers.isEmpty else { return false }
        isMoving = true
        _ = Task { await self.finishMove(to: peers, urgency) }
        return true
    }

    private func finishMove(to peers: [MemberID], _ urgency: MoveUrgency) async {
        let isIdle = await comeToRest()
        if isIdle || urgency == .soon, peers.contains(where: { transfer(to: $0) == nil }) {
            let end = loop.now + raft.options.electionTimeout
            while raft.servingTerm != nil, loop.now < end {
                await loop.sleep(for: Self.lookInterval)
            }
        }
        isMoving = false
        observer?.shardStays(group)
    }

    /// Waits until nothing is under way any more that a new leader could not finish, though not for
    /// long; false when something still is. Nothing new is begun until `shardStays`.
    public func comeToRest() async -> Bool {
        let end = loop.now + Self.patience
        while observer?.shardIsMoving(group) == true {
            guard raft.servingTerm != nil, loop.now < end else { return false }
            await loop.sleep(for: Self.lookInterval)
        }
        return true
    }

    /// Work begins again, after `comeToRest`.
    public func goOn() {
        observer?.shardStays(group)
    }
}
