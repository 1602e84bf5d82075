import Primitives

// Comparing whole tables: when a member joins, now and then with somebody at random, and with
// members that were dead and are heard again, which ends a partition.
//
//      a                                       b
//      │ digest: ids, incarnations, versions   │
//      │ ────────────────────────────────────▶ │  takes what is newer in the digest itself
//      │        records that a lacks, wishes   │
//      │ ◀──────────────────────────────────── │
//      │ records that b wished for             │
//      │ ────────────────────────────────────▶ │
//
// A digest costs 10 to 30 bytes a member, a record ten times that: equal tables cost little.

extension GossipInstance {
    mutating func askSeeds(now: MonotonicInstant, _ directives: inout [Directive]) {
        phase = .joining(nextAttempt: now + options.joinInterval)
        // Two at a time: one of them may be down, and all of them would bring the table as often.
        for address in seeds.shuffled(using: &random).prefix(2) {
            sendDigest(to: Destination(member: nil, address: address), &directives)
        }
    }

    mutating func onExchangeDue(
        _ scope: Scope, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        let index = scope.rawValue
        guard circles[index].exchangeAt <= now else { return }
        let interval = options.circle(scope).exchangeInterval
        circles[index].exchangeAt = now + interval * Self.exchangeScale(circles[index].order.count)
        if case .leaving = phase { return }
        guard let peer = chooseMembers(scope, 1, where: \.isUp).first else { return }
        exchange(with: peer, &directives)
    }

    /// 1 up to 32 members, 2 up to 64, 3 up to 128: each of n members is asked once an interval on
    /// average, for a digest of n entries.
    static func exchangeScale(_ otherCount: Int) -> Int {
        let count = otherCount + 1
        guard count > 32 else { return 1 }
        return Int.bitWidth - (count - 1).leadingZeroBitCount - 4
    }

    func exchange(with peer: MemberID, _ directives: inout [Directive]) {
        guard let destination = member(peer)?.destination else { return }
        sendDigest(to: destination, &directives)
    }

    /// A member that was dead here speaks: there was a partition, or one of the two is mistaken.
    mutating func exchangeWithRevived(
        _ peer: MemberID, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        if let last = lastRevivalExchange, now - last < .seconds(1) { return }
        lastRevivalExchange = now
        exchange(with: peer, &directives)
    }

    /// A dead member is back, perhaps half of the cluster with it. Gossip tells nearly everybody
    /// within seconds; whom it missed an exchange tells, and soon.
    mutating func hastenExchange(now: MonotonicInstant) {
        let wait =
            options.reconnectInterval + Self.part(of: options.reconnectInterval, using: &random)
        for index in circles.indices {
            circles[index].exchangeAt = min(circles[index].exchangeAt, now + wait)
        }
    }

    /// Somebody tries each dead member about once an interval: the fewer there are, the fewer of
    /// those who are up try. Alone, a member tries its seeds again.
    mutating func onReconnectDue(now: MonotonicInstant, _ directives: inout [Directive]) {
        guard reconnectAt <= now else { return }
        reconnectAt = now + options.reconnectInterval
        if case .leaving = phase { return }
        if upCount == 1, let seed = seeds.randomElement(using: &random) {
            sendDigest(to: Destination(member: nil, address: seed), &directives)
        }
        tryDead(.region, amongCount: regionUpCount, now: now, &directives)
        guard standsForRegion else { return }
        tryDead(.bridges, amongCount: options.bridgeCount, now: now, &directives)
    }

    /// Pings one of the dead of this region, or of the others, when it is this member's turn among
    /// so many that try.
    private mutating func tryDead(
        _ scope: Scope, amongCount: Int, now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        let dead = members.filter { member in
            guard case .dead = member.state else { return false }
            return isOfRegion(member.profile) == (scope == .region)
        }
        let trierCount = UInt64(max(1, dead.count, amongCount))
        guard !dead.isEmpty, random.chance(UInt64(dead.count), in: trierCount) else { return }
        let member = dead[Int.random(in: 0..<dead.count, using: &random)]
        // It hears what is thought of it, and refutes in its answer.
        let sequence = sequence()
        reconnectSequences[scope.rawValue] = sequence
        send(
            .ping(sequence: sequence), to: member.id, first: [id, member.id], now: now,
            &directives)
    }

    private func sendDigest(to destination: Destination, _ directives: inout [Directive]) {
        let countMax = GossipLimits.digestEntryCountMax
        var lower = MemberID(0)
        for start in stride(from: 0, to: sortedIDs.count, by: countMax) {
            let ids = sortedIDs[start..<min(start + countMax, sortedIDs.count)]
            let isLast = start + countMax >= sortedIDs.count
            let upper = isLast ? MemberID(.max) : ids.last!
            let page = DigestPage(
                lower: lower, upper: upper,
                entries: ids.compactMap { id in place(of: id).map { members[$0].digestEntry } })
            lower = MemberID(upper.rawValue &+ 1)
            directives.append(
                .send(
                    Message(
                        cluster: cluster, sender: id, recipient: destination.member,
                        body: .digest(page), updates: [myself.update]),
                    to: destination))
        }
    }

    mutating func onDigest(
        _ page: DigestPage, from peer: MemberID, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        guard takeExchangeTurn(now: now) else { return .ignored(.tooManyExchanges) }
        let known = sortedIDs[
            sortedIDs.partitioningIndex {
                $0 >= page.lower
            }..<sortedIDs.partitioningIndex {
                $0 > page.upper
            }]
        var wanted: [MemberID] = []
        var lacking: [Update] = []
        var theirs = page.entries[...]
        for id in known {
            while let entry = theirs.first, entry.member < id {
                theirs.removeFirst()
                if !isForgotten(entry.member, now: now) { wanted.append(entry.member) }
            }
            guard let place = place(of: id) else { continue }
            guard let entry = theirs.first, entry.member == id else {
                lacking.append(members[place].update)
                continue
            }
            theirs.removeFirst()
            let claim = entry.claim(heardFrom: peer)
            if place == 0 || members[place].isOutdated(by: claim) {
                merge(
                    Update(claim: claim), at: place, .exchange(with: peer), now: now, &directives)
            }
            compare(members[place], entry, &wanted, &lacking)
        }
        wanted += theirs.map(\.member).filter { !isForgotten($0, now: now) }
        sendRecords(lacking, wanted: wanted, to: peer, &directives)
        return .taken
    }

    /// What the other side lacks of a member that both know.
    private func compare(
        _ member: Member, _ entry: DigestEntry, _ wanted: inout [MemberID],
        _ lacking: inout [Update]
    ) {
        if entry.profileVersion > member.profile.version {
            wanted.append(member.id)
        } else if entry.profileVersion < member.profile.version {
            lacking.append(member.update)
            return
        }
        let ours = (member.incarnation, UInt8(member.state.rank))
        if ours > (entry.incarnation, entry.rank) { lacking.append(Update(claim: member.claim)) }
    }

    mutating func onWanted(
        _ wanted: [MemberID], from peer: MemberID, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) -> Reception {
        guard !wanted.isEmpty else { return .taken }
        guard takeExchangeTurn(now: now) else { return .ignored(.tooManyExchanges) }
        let updates = wanted.compactMap { member($0)?.update }
        if !updates.isEmpty { sendRecords(updates, wanted: [], to: peer, &directives) }
        return .taken
    }

    private mutating func takeExchangeTurn(now: MonotonicInstant) -> Bool {
        if now - exchangeWindowStart >= .seconds(1) {
            exchangeWindowStart = now
            exchangeAnswerCount = 0
        }
        guard exchangeAnswerCount < GossipLimits.exchangeAnswerCountMax else { return false }
        exchangeAnswerCount += 1
        return true
    }

    /// Sends records in as many pages as they need, each of which introduces this member.
    private func sendRecords(
        _ updates: [Update], wanted: [MemberID], to peer: MemberID,
        _ directives: inout [Directive]
    ) {
        guard let destination = member(peer)?.destination else { return }
        var updates = updates.filter { $0.claim.subject != id }[...]
        var wanted = wanted
        repeat {
            let body = Message.Body.records(wanted: wanted)
            var page = [myself.update]
            var left = GossipLimits.pageByteCountMax - page[0].byteCount
            left -= Message.overheadByteCount(sender: id, recipient: peer, body: body)
            while let update = updates.first, update.byteCount <= left {
                left -= update.byteCount
                page.append(update)
                updates.removeFirst()
            }
            wanted = []
            directives.append(
                .send(
                    Message(
                        cluster: cluster, sender: id, recipient: peer, body: body, updates: page),
                    to: destination))
        } while !updates.isEmpty
    }
}

extension Member {
    var update: Update { Update(claim: claim, profile: profile) }

    var digestEntry: DigestEntry {
        DigestEntry(
            member: id, incarnation: incarnation, rank: UInt8(state.rank),
            profileVersion: profile.version)
    }
}

extension DigestEntry {
    /// A digest names no accuser: it is hearsay, by whoever shows it.
    fileprivate func claim(heardFrom peer: MemberID) -> Claim {
        let standing: Standing =
            switch rank {
            case 0: .alive
            case 1: .suspect(by: peer)
            case 2: .dead
            default: .left
            }
        return Claim(subject: member, incarnation: incarnation, standing: standing)
    }
}
