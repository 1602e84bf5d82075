public import Primitives

// What comes in: who may speak, and which part of the instance hears it.

extension GossipInstance {
    /// Bytes came over a link that belongs to `peer`. Nothing in them can end the process.
    public mutating func onMessage(
        _ bytes: [UInt8], from peer: MemberID, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        do throws(Refusal) {
            let message = try Message.decode(bytes, cluster: cluster)
            return onMessage(message, from: peer, now: now, &directives)
        } catch {
            receptions.add(.refused(error))
            return .refused(error)
        }
    }

    /// A message, decoded and within its bounds, came over a link that belongs to `peer`.
    public mutating func onMessage(
        _ message: Message, from peer: MemberID, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        let reception = receive(message, from: peer, now: now, &directives)
        receptions.add(reception)
        return reception
    }

    private mutating func receive(
        _ message: Message, from peer: MemberID, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        if case .gone = phase { return .ignored(.gone) }
        guard message.cluster == cluster else { return .refused(.otherCluster) }
        guard message.sender == peer else { return .refused(.forgedSender) }
        guard peer != id else { return .refused(.ownIdentity) }
        guard message.recipient == nil || message.recipient == id else {
            return .ignored(.notForMe)
        }
        guard !isForgotten(peer, now: now) else { return .ignored(.forgottenSender) }
        var wasDead = false
        if let place = place(of: peer) {
            if case .dead = members[place].state { wasDead = true }
        } else {
            let isIntroduced = message.updates.contains {
                $0.claim.subject == peer && $0.profile != nil
            }
            guard isIntroduced else { return .ignored(.unknownSender) }
        }

        let source: NewsSource
        switch message.body {
        case .digest, .records: source = .exchange(with: peer)
        case .ping, .acknowledgement, .pingRequest, .negativeAcknowledgement, .gossip:
            source = .gossip
        }
        let isAccused = merge(message.updates, source, now: now, &directives)
        // The table may have been full.
        guard place(of: peer) != nil else { return .ignored(.unknownSender) }
        if wasDead { exchangeWithRevived(peer, now: now, &directives) }
        return answer(message, isAccused: isAccused, now: now, &directives)
    }

    /// Merges the news of a message, which tells of nobody twice; true when it tells of this
    /// member.
    private mutating func merge(
        _ updates: [Update], _ source: NewsSource, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Bool {
        // All are looked up before the first is merged: the looks do not wait for each other, and
        // so not for the memory either. Nobody's place changes meanwhile.
        let found = updates.map { place(of: $0.claim.subject) ?? -1 }
        var isAccused = false
        for (update, place) in zip(updates, found) {
            if place < 0 {
                merge(update, source, now: now, &directives)
            } else {
                if place == 0 { isAccused = true }
                merge(update, at: place, source, now: now, &directives)
            }
        }
        return isAccused
    }

    private mutating func answer(
        _ message: Message, isAccused: Bool, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        let peer = message.sender
        switch message.body {
        case .ping(let sequence):
            // Whoever accuses this member hears from it at once, however old the accusation.
            send(
                .acknowledgement(sequence: sequence), to: peer, first: isAccused ? [id] : [],
                now: now, &directives)
            return .taken
        case .acknowledgement(let sequence):
            return onAcknowledgement(sequence, from: peer, now: now, &directives)
        case .pingRequest(let sequence, let target):
            return onPingRequest(sequence, target, from: peer, now: now, &directives)
        case .negativeAcknowledgement(let sequence):
            return onNegativeAcknowledgement(sequence, from: peer)
        case .gossip:
            return .taken
        case .digest(let page):
            return onDigest(page, from: peer, now: now, &directives)
        case .records(let wanted):
            if case .joining = phase { phase = .joined }
            return onWanted(wanted, from: peer, now: now, &directives)
        }
    }
}
