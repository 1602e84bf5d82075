import Primitives

// Regions. Members probe and gossip within their region only; of each region the members with the
// lowest ids that are up are its bridges, which probe the bridges of other regions, at the pace of
// a wide area, and carry the news across. Everybody computes the same bridges from the same table;
// while tables differ there are a few more or fewer, which costs packets and no news.

extension GossipInstance {
    /// Chooses the bridges anew when somebody came, went or moved; at most once a probe interval,
    /// for it reads the whole table.
    mutating func chooseBridges(now: MonotonicInstant) {
        guard isBridgeChoiceStale, bridgeChoiceAt <= now else { return }
        isBridgeChoiceStale = false
        bridgeChoiceAt = now + options.region.probeInterval
        let wasBridge = circles[Scope.bridges.rawValue].isActive
        let bridges = bridgesByRegion()
        let own = myself.profile.metadata.region
        let others = bridges.filter { $0.region != own }.flatMap(\.members)
        standsForRegion = bridges.contains { $0.region == own && $0.members.contains(id) }
        isBridge = standsForRegion && !others.isEmpty
        let index = Scope.bridges.rawValue
        circles[index].isActive = isBridge
        guard isBridge else {
            circles[index].probe = .idle
            circles[index].order = []
            circles[index].news = NewsQueue()
            circles[index].gossipAt = nil
            return
        }
        // Who stays keeps its place in the round.
        for member in circles[index].order where !others.contains(member) {
            circles[index].remove(member, at: place(of: member))
        }
        for member in others where !circles[index].order.contains(member) {
            circles[index].insert(member, using: &random)
        }
        guard !wasBridge else { return }
        let timing = options.circle(.bridges)
        circles[index].probeAt = now + Self.part(of: timing.probeInterval, using: &random)
        // It may take over from one that died with news under way.
        circles[index].exchangeAt = now + Self.part(of: timing.gossipInterval, using: &random)
    }

    /// The bridges of each region, in the order in which the regions are met.
    private func bridgesByRegion() -> [(region: String, members: [MemberID])] {
        var bridges: [(region: String, members: [MemberID])] = []
        for id in sortedIDs {
            guard let place = place(of: id), members[place].isUp else { continue }
            let region = members[place].profile.metadata.region
            guard let index = bridges.firstIndex(where: { $0.region == region }) else {
                bridges.append((region, [id]))
                continue
            }
            guard bridges[index].members.count < options.bridgeCount else { continue }
            bridges[index].members.append(id)
        }
        return bridges
    }

    /// A region changed: who is in the circle of this one is found anew.
    mutating func rebuildCircles(now: MonotonicInstant) {
        let index = Scope.region.rawValue
        let order = circles[index].order
        for member in order {
            let place = place(of: member)
            if place.map({ isOfRegion(members[$0].profile) }) ?? false { continue }
            circles[index].remove(member, at: place)
        }
        let known = Set(circles[index].order)
        for member in sortedIDs where member != id && !known.contains(member) {
            guard let place = place(of: member), isOfRegion(members[place].profile) else {
                continue
            }
            circles[index].insert(member, using: &random)
        }
        regionUpCount = members.count { $0.isUp && isOfRegion($0.profile) }
        isBridgeChoiceStale = true
    }
}
