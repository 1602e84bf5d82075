public import Primitives

// What is said of members, merged into what is known. A member's standing and its profile are two
// registers: of each the newest wins, whatever the order in which they come.

/// Where a piece of news came from.
enum NewsSource: Hashable {
    /// Passed on from member to member, by somebody who judged.
    case gossip
    /// Read in the table of `with`, who may have judged long ago, or from across a partition: a
    /// member that is up here is only suspected for it, and has its time to refute.
    case exchange(with: MemberID)
    /// This member's own observation.
    case own
    /// The meta group's table; the others have it too, so that it is not passed on.
    case introduction
}

extension GossipInstance {
    /// What the meta group's table says about members, before gossip brings it.
    public mutating func introduce(
        _ updates: [Update], now: MonotonicInstant, _ directives: inout [Directive]
    ) {
        for update in updates where update.profile?.isValid ?? true {
            merge(update, .introduction, now: now, &directives)
        }
    }

    mutating func merge(
        _ update: Update, _ source: NewsSource, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) {
        guard let place = place(of: update.claim.subject) else {
            admit(update, source, now: now, &directives)
            return
        }
        merge(update, at: place, source, now: now, &directives)
    }

    /// The same for a member that stands at `place`.
    mutating func merge(
        _ update: Update, at place: Int, _ source: NewsSource, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) {
        let claim = update.claim
        guard place > 0 else {
            hear(claim, profileVersion: update.profile?.version ?? 0, now: now)
            return
        }
        if let profile = update.profile, profile.version > members[place].profile.version {
            replaceProfile(at: place, with: profile, source, now: now, &directives)
        }
        guard members[place].isOutdated(by: claim) else { return }
        switch claim.standing {
        case .alive:
            if case .dead = members[place].state { hastenExchange(now: now) }
            set(.alive, at: place, claim.incarnation, source, now: now)
            directives.append(
                .event(.memberAlive(claim.subject, incarnation: claim.incarnation)))
        case .suspect(let accuser):
            suspect(at: place, claim.incarnation, by: accuser, source, now: now, &directives)
        case .dead:
            if case .exchange(let peer) = source, members[place].isUp {
                suspect(at: place, claim.incarnation, by: peer, source, now: now, &directives)
                return
            }
            set(.dead(since: now), at: place, claim.incarnation, source, now: now)
            directives.append(.event(.memberDead(claim.subject)))
        case .left:
            set(.left(since: now), at: place, claim.incarnation, source, now: now)
            directives.append(.event(.memberLeft(claim.subject)))
        }
    }

    /// Somebody speaks of a member that is not known here.
    private mutating func admit(
        _ update: Update, _ source: NewsSource, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) {
        let claim = update.claim
        if isForgotten(claim.subject, now: now) { return receptions.add(.forgottenSubject) }
        guard let profile = update.profile else { return receptions.add(.unknownSubject) }
        guard members.count < GossipLimits.memberCountMax else {
            return receptions.add(.tableFull)
        }
        let state: Member.State =
            switch claim.standing {
            case .alive, .suspect: .alive
            case .dead: .dead(since: now)
            case .left: .left(since: now)
            }
        let member = Member(
            id: claim.subject, incarnation: claim.incarnation, state: state, profile: profile)
        let place = members.count
        members.append(member)
        memberIndex.insert(place, in: members)
        sortedIDs.insert(member.id, at: sortedIDs.partitioningIndex { $0 > member.id })
        count(member, by: 1)
        if isOfRegion(profile) {
            circles[Scope.region.rawValue].insert(member.id, using: &random)
        }
        isBridgeChoiceStale = true
        if source != .introduction { spread(place, hasProfile: true, now: now) }
        switch claim.standing {
        case .alive:
            directives.append(.event(.memberAlive(member.id, incarnation: claim.incarnation)))
        case .suspect(let accuser):
            directives.append(.event(.memberAlive(member.id, incarnation: claim.incarnation)))
            suspect(
                at: place, claim.incarnation, by: accuser, source, now: now,
                &directives)
        case .dead: directives.append(.event(.memberDead(member.id)))
        case .left: directives.append(.event(.memberLeft(member.id)))
        }
    }

    private mutating func replaceProfile(
        at place: Int, with profile: Profile, _ source: NewsSource, now: MonotonicInstant,
        _ directives: inout [Directive]
    ) {
        let member = members[place]
        let isMoved = member.profile.metadata.region != profile.metadata.region
        members[place].profile = profile
        if isMoved { rebuildCircles(now: now) }
        if source != .introduction { spread(place, hasProfile: true, now: now) }
        directives.append(.event(.memberUpdated(member.id)))
    }

    /// The one place where a member's standing changes.
    mutating func set(
        _ state: Member.State, at place: Int, _ incarnation: Incarnation, _ source: NewsSource,
        now: MonotonicInstant
    ) {
        let wasUp = members[place].isUp
        members[place].become(state)
        members[place].incarnation = incarnation
        let member = members[place]
        if member.isUp != wasUp {
            count(member, by: wasUp ? -1 : 1)
            isBridgeChoiceStale = true
        }
        if source != .introduction { spread(place, hasProfile: false, now: now) }
    }

    func isOfRegion(_ profile: Profile) -> Bool {
        profile.metadata.region == members[0].profile.metadata.region
    }

    /// Keeps the numbers of members that are up.
    private mutating func count(_ member: Member, by change: Int) {
        guard member.isUp || change < 0 else { return }
        upCount += change
        if isOfRegion(member.profile) { regionUpCount += change }
    }

    /// The meta group has removed `member`: nothing of it is kept, and old news does not bring it
    /// back.
    public mutating func forget(_ member: MemberID, now: MonotonicInstant) {
        guard member != id else { return }
        tombstones.removeAll { $0.member == member || $0.expires <= now }
        if tombstones.count == GossipLimits.tombstoneCountMax { tombstones.removeFirst() }
        tombstones.append(Tombstone(member: member, expires: now + options.tombstoneDuration))
        guard let place = place(of: member) else { return }
        if members[place].isUp { count(members[place], by: -1) }
        for index in circles.indices { circles[index].remove(member, at: place) }
        let last = members.removeLast()
        if last.id != member {
            members[place] = last
            for index in circles.indices {
                circles[index].news.move(from: members.count, to: place)
            }
        }
        memberIndex.rebuild(members)
        sortedIDs.removeAll { $0 == member }
        relays.removeAll { $0.target == member || $0.requester == member }
        isBridgeChoiceStale = true
    }

    func isForgotten(_ member: MemberID, now: MonotonicInstant) -> Bool {
        tombstones.contains { $0.member == member && $0.expires > now }
    }

    /// Somebody speaks of this member itself.
    private mutating func hear(_ claim: Claim, profileVersion: UInt64, now: MonotonicInstant) {
        // A boot that began too low: others still have a profile of the boot before.
        let profile = members[0].profile
        if profileVersion > profile.version, profileVersion < GossipLimits.incarnationMax {
            members[0].profile = profile.with(
                version: profileVersion + 1, metadata: profile.metadata)
            spread(0, hasProfile: true, now: now)
        }
        guard claim.incarnation >= incarnation else { return }
        switch (claim.standing, phase) {
        case (.alive, _):
            // Of the boot before, when it is above; else its own word.
            if claim.incarnation > incarnation { refute(claim, now: now) }
        case (.left, .leaving): break
        case (.suspect, _), (.dead, _), (.left, _): refute(claim, now: now)
        }
    }

    /// This member says that it is alive, above what was said (SWIM §4.2). One who is accused may
    /// well be slow (Lifeguard §IV-A).
    private mutating func refute(_ claim: Claim, now: MonotonicInstant) {
        guard claim.incarnation < GossipLimits.incarnationMax else {
            return receptions.add(.incarnationExhausted)
        }
        members[0].incarnation = claim.incarnation + 1
        health.worsen(by: 1)
        spread(0, hasProfile: false, now: now)
    }
}

extension Member {
    /// Whether a claim says more than is known; further accusers of a suspect do.
    func isOutdated(by claim: Claim) -> Bool {
        if claim.incarnation != incarnation { return claim.incarnation > incarnation }
        if case .suspect = claim.standing, case .suspect = state { return true }
        return claim.standing.rank > state.rank
    }
}

extension Array where Element: Comparable {
    /// The first index of a sorted array whose element is as wanted, when all after it are too.
    func partitioningIndex(where isWanted: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isWanted(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
