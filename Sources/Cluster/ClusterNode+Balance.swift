import Environment
import Journal
import Primitives
import Topology

// Leadership of merchants' shards goes where there is less of it. Each node looks at what gossip
// says of its peers, and offers one group at a time to the one that leads the fewest; Raft decides
// whether it is taken. Groups that have a home region are led there if they can be, however much
// its nodes lead.

extension ClusterNode {
    /// From one look to the next: an offer, its election and the news of it are over by then.
    private static let balanceInterval = Duration.seconds(5)
    /// A peer gets a group only if it leads fewer by so many, or the group would come back.
    private static let balanceSlack = 2
    /// What a node says that has no room on its disk: nobody gives it anything to lead.
    private static let fullLoad = 255
    /// How many groups are on their way home at a time: their requests wait for an election each.
    private static let sentHomeCountMax = 4

    func scheduleBalance() {
        loop.schedule(after: Self.balanceInterval) { [self] in
            onLoop { node in
                node.balance()
                node.scheduleBalance()
            }
        }
    }

    private func balance() {
        guard let gossip, !isStopped else { return }
        let led = groups.values.filter(\.isLedHere).sorted { $0.group < $1.group }
        // The others cost little, and are led where they are at home.
        let shards = led.filter { isMerchants($0.group) }
        let isFull = journal.refusal != nil || !hasStoreRoom
        gossip.setLoad(isFull ? Self.fullLoad : min(shards.count, Self.fullLoad - 1))
        guard isForLeading, !isFull else { return giveAway(led) }
        if sendHome(led) { return }
        for peer in peersByLoad where shards.count >= peer.load + Self.balanceSlack {
            for group in shards where group.canMove(to: peer.member) {
                let preferred = preferredLeaders(of: group.group)
                guard preferred.isEmpty || preferred.contains(peer.member) else { continue }
                if group.move(to: [peer.member], .whenIdle) { return }
            }
        }
    }

    private func isMerchants(_ group: GroupID) -> Bool {
        group.rawValue < UInt32(seat.founding.shards.count)
    }

    /// Offers groups that have their home elsewhere to a node there; true if one is on its way.
    private func sendHome(_ led: [any GroupShell]) -> Bool {
        let peers = peersByLoad.map(\.member)
        var count = 0
        for group in led where count < Self.sentHomeCountMax {
            let preferred = preferredLeaders(of: group.group)
            guard !preferred.contains(seat.member) else { continue }
            if group.move(to: peers.filter { preferred.contains($0) }, .whenIdle) { count += 1 }
        }
        return count > 0
    }

    /// A node that is drained leads nothing that a peer can.
    private func giveAway(_ led: [any GroupShell]) {
        let peers = peersForHandOver
        for group in led { group.move(to: peers, .soon) }
    }

    /// Peers that may lead, the one that carries least first.
    private var peersByLoad: [(member: MemberID, load: Int)] {
        gossip?.peersByLoad.filter { isForLeading($0.member) && $0.load < Self.fullLoad } ?? []
    }

    /// Peers to offer a group to, the one that is thought to carry least first.
    nonisolated var peersForHandOver: [MemberID] {
        onLoop { node in
            node.gossip == nil ? node.members.peers.map(\.id) : node.peersByLoad.map(\.member)
        }
    }
}
