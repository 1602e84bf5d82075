import Primitives

// What goes out with what: every packet carries as much news as fits (SWIM §4.1).

extension GossipInstance {
    /// There is news of the member at `place` for all circles.
    mutating func spread(_ place: Int, hasProfile: Bool, now: MonotonicInstant) {
        for index in circles.indices where circles[index].isActive {
            circles[index].news.insert(place, hasProfile: hasProfile)
            guard circles[index].gossipAt == nil else { continue }
            let interval = options.circle(circles[index].scope).gossipInterval
            circles[index].gossipAt = now + Self.part(of: interval, using: &random)
        }
    }

    mutating func onGossipDue(
        _ scope: Scope, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        let index = scope.rawValue
        guard let due = circles[index].gossipAt, due <= now else { return }
        let timing = options.circle(scope)
        let deadSince = now + (.zero - options.gossipToDeadDuration)
        let peers = chooseMembers(scope, timing.gossipFanoutCount) {
            $0.isUp || $0.isDead(since: deadSince)
        }
        for peer in peers where !circles[index].news.isEmpty {
            // The dead and the suspect are told so first, while they may still refute.
            let isDoubted = options.lifeguard.hasBuddyNotice && !isAlive(peer)
            send(.gossip, to: peer, first: isDoubted ? [peer] : [], now: now, &directives)
        }
        // Where nobody can hear it, the news is old: an exchange brings it to whoever comes.
        let isHeard = !peers.isEmpty && !circles[index].news.isEmpty
        circles[index].gossipAt = isHeard ? now + timing.gossipInterval : nil
    }

    /// Circles up to here are shuffled to choose from them; of larger ones a few are drawn, which
    /// does not touch the whole.
    private static let smallCircleCount = 16

    /// Up to `count` different members of a circle, by chance.
    mutating func chooseMembers(
        _ scope: Scope, _ count: Int, where isWanted: (Member) -> Bool
    ) -> [MemberID] {
        let order = circles[scope.rawValue].order
        guard !order.isEmpty else { return [] }
        // In a small circle everybody wanted is found, or helpers would be missing by chance.
        if order.count <= Self.smallCircleCount {
            let wanted = order.shuffled(using: &random).filter { candidate in
                place(of: candidate).map { isWanted(members[$0]) } ?? false
            }
            return Array(wanted.prefix(count))
        }
        var chosen: [MemberID] = []
        // Drawing with replacement; three times the circle finds as good as everybody.
        for _ in 0..<(3 * order.count) where chosen.count < count {
            let candidate = order[Int.random(in: 0..<order.count, using: &random)]
            guard !chosen.contains(candidate), let place = place(of: candidate),
                isWanted(members[place])
            else { continue }
            chosen.append(candidate)
        }
        return chosen
    }

    /// Sends a packet. `first` are subjects of which the packet tells in any case: this member with
    /// its profile, others with their standing. News fills the rest.
    mutating func send(
        _ body: Message.Body, to peer: MemberID, first: [MemberID] = [], now: MonotonicInstant,
        _ directives: inout [Directive]
    ) {
        guard let place = place(of: peer) else { return }
        let told = first.compactMap { self.place(of: $0) }
        var updates: [Update] = []
        for place in told {
            updates.append(
                Update(
                    claim: members[place].claim, profile: place == 0 ? members[0].profile : nil))
        }
        let overhead = Message.overheadByteCount(sender: id, recipient: peer, body: body)
        var left = GossipLimits.packetByteCountMax - overhead
        left -= updates.reduce(0) { $0 + $1.byteCount }
        let news = takeNews(forPlace: place, byteCount: left, excluding: told)
        updates.reserveCapacity(updates.count + news.count)
        for item in news {
            // In place: a copy of a member costs more than its claim.
            let profile = item.hasProfile ? members[Int(item.place)].profile : nil
            updates.append(Update(claim: members[Int(item.place)].claim, profile: profile))
        }
        let message = Message(
            cluster: cluster, sender: id, recipient: peer, body: body, updates: updates)
        directives.append(.send(message, to: members[place].destination))
    }

    func isAlive(_ member: MemberID) -> Bool {
        guard let place = place(of: member), case .alive = members[place].state else {
            return false
        }
        return true
    }

    private mutating func takeNews(
        forPlace place: Int, byteCount: Int, excluding excluded: [Int]
    ) -> [NewsQueue.Item] {
        let scope = isOfRegion(members[place].profile) ? Scope.region : .bridges
        guard circles[scope.rawValue].isActive else { return [] }
        let listenerCount =
            scope == .region ? regionUpCount : circles[scope.rawValue].order.count + 1
        let limit = Logarithm.decimalRoundedUp(
            listenerCount + 1, times: options.circle(scope).retransmitMultiplier)
        let members = members
        return circles[scope.rawValue].news.take(
            byteCount: byteCount, transmitLimit: limit, excluding: excluded
        ) { item in
            let place = Int(item.place)
            return members[place].claim.byteCount
                + (item.hasProfile ? members[place].profile.byteCount : 0)
        }
    }
}

extension Member {
    /// Dead, and not for longer than since `instant`.
    fileprivate func isDead(since instant: MonotonicInstant) -> Bool {
        guard case .dead(let since) = state else { return false }
        return since >= instant
    }
}
