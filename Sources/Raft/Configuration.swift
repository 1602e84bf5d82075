public import Primitives

// Who votes and who only listens.
//
//              joint entry appended                  joint entry committed, leave appended
//   stable ──────────────────────────▶ joint ───────────────────────────────────────────▶ stable
//     │  ▲                               │
//     └──┘ learners only                 └── truncated: the configuration before it counts again
//
// A configuration counts from the moment it is in the log, not from its commit, and is taken back
// when the log is truncated (Ongaro's thesis, 4.1). Whenever voters change, the group passes
// through a joint configuration in which both majorities decide (4.3): no shortcut for one server,
// as that one lost quorum overlap in several implementations.

/// The members of a group.
public struct Configuration: Hashable, Sendable {
    /// Who votes; in a joint configuration, the new ones. By rising id, as are all lists here.
    public let voters: [MemberID]
    /// The voters before, while the configuration is joint; empty otherwise.
    public let outgoing: [MemberID]
    /// Receive the log and do not vote.
    public let learners: [MemberID]
    /// Outgoing voters that are to be learners after the joint configuration.
    public let demoting: [MemberID]
    /// Ids whose disks are gone. They never come back: a lost disk must not vote twice.
    public let retired: [MemberID]

    /// More members than any placement asks for: each costs the leader a copy of the log.
    public static let memberCountMax = 16
    /// As many disks as a group may lose in its life; half a KiB of each configuration entry.
    public static let retiredCountMax = 64

    /// Why a list of members is no configuration, or a change of one not possible.
    public enum Refusal: Error, Hashable, Sendable {
        case noVoters
        case tooManyMembers
        /// A list is not in order or names somebody twice, or two lists contradict each other.
        case inconsistent
        case alreadyMember(MemberID)
        case notMember(MemberID)
        /// Only learners are promoted, and only voters demoted.
        case wrongRole(MemberID)
        case retired(MemberID)
        /// One change at a time.
        case isJoint
    }

    public init(
        voters: [MemberID], outgoing: [MemberID] = [], learners: [MemberID] = [],
        demoting: [MemberID] = [], retired: [MemberID] = []
    ) throws(Refusal) {
        self.voters = voters
        self.outgoing = outgoing
        self.learners = learners
        self.demoting = demoting
        self.retired = retired
        try validate()
    }

    private func validate() throws(Refusal) {
        guard !voters.isEmpty else { throw .noVoters }
        guard voters.count + outgoing.count + learners.count <= 2 * Self.memberCountMax,
            retired.count <= Self.retiredCountMax
        else { throw .tooManyMembers }
        for list in [voters, outgoing, learners, demoting, retired]
        where zip(list, list.dropFirst()).contains(where: { $0 >= $1 }) {
            throw .inconsistent
        }
        let isConsistent =
            learners.allSatisfy { !isVoter($0) }
            && demoting.allSatisfy { outgoing.contains($0) && !voters.contains($0) }
            && retired.allSatisfy { !voters.contains($0) && !learners.contains($0) }
        guard isConsistent else { throw .inconsistent }
    }

    public var isJoint: Bool { !outgoing.isEmpty }

    /// True for the voters of either half.
    public func isVoter(_ member: MemberID) -> Bool {
        voters.contains(member) || outgoing.contains(member)
    }

    public func contains(_ member: MemberID) -> Bool {
        isVoter(member) || learners.contains(member)
    }

    /// Everybody who receives the log, by rising id.
    public var members: [MemberID] {
        var all = voters + learners
        for member in outgoing where !voters.contains(member) { all.append(member) }
        return all.sorted()
    }

    // MARK: Deciding together

    /// True when a majority of each half satisfies `isIn`.
    public func hasQuorum(_ isIn: (MemberID) -> Bool) -> Bool {
        Self.hasMajority(voters, isIn) && (outgoing.isEmpty || Self.hasMajority(outgoing, isIn))
    }

    private static func hasMajority(_ voters: [MemberID], _ isIn: (MemberID) -> Bool) -> Bool {
        var count = 0
        for voter in voters where isIn(voter) { count += 1 }
        return count > voters.count / 2
    }

    /// The largest value that a majority of each half has reached.
    public func quorumValue<Value: Comparable>(_ value: (MemberID) -> Value) -> Value {
        let incoming = Self.majorityValue(voters, value)
        return outgoing.isEmpty ? incoming : min(incoming, Self.majorityValue(outgoing, value))
    }

    private static func majorityValue<Value: Comparable>(
        _ voters: [MemberID], _ value: (MemberID) -> Value
    ) -> Value {
        // Groups are small: the value that enough voters have reached is looked for, not sorted
        // for, so that nothing is allocated on the way of every acknowledgement.
        var best: Value?
        for voter in voters {
            let candidate = value(voter)
            if let best, candidate <= best { continue }
            var count = 0
            for other in voters where value(other) >= candidate { count += 1 }
            if count > voters.count / 2 { best = candidate }
        }
        guard let best else { preconditionFailure("a configuration without voters") }
        return best
    }

    // MARK: Changing

    /// One step of a change; several can be made at once.
    public enum Change: Hashable, Sendable {
        case addLearner(MemberID)
        case promote(MemberID)
        case demote(MemberID)
        /// The member leaves. Its disk still knows its vote, so it may come back.
        case remove(MemberID)
        /// The member's disk is gone: it leaves and its id is never taken again.
        case retire(MemberID)
    }

    /// The configuration that `changes` lead to; a joint one whenever voters change.
    public func applying(_ changes: [Change]) throws(Refusal) -> Configuration {
        guard !isJoint else { throw .isJoint }
        var voters = voters
        var learners = learners
        var demoted: [MemberID] = []
        var retired = retired
        for change in changes {
            switch change {
            case .addLearner(let member):
                guard !retired.contains(member) else { throw .retired(member) }
                guard !voters.contains(member), !learners.contains(member) else {
                    throw .alreadyMember(member)
                }
                learners.append(member)
            case .promote(let member):
                guard let place = learners.firstIndex(of: member) else {
                    throw voters.contains(member) ? .wrongRole(member) : .notMember(member)
                }
                voters.append(learners.remove(at: place))
            case .demote(let member):
                guard let place = voters.firstIndex(of: member) else {
                    throw learners.contains(member) ? .wrongRole(member) : .notMember(member)
                }
                demoted.append(voters.remove(at: place))
            case .remove(let member), .retire(let member):
                guard voters.contains(member) || learners.contains(member) else {
                    throw .notMember(member)
                }
                voters.removeAll { $0 == member }
                learners.removeAll { $0 == member }
                if case .retire = change { retired.append(member) }
            }
        }
        voters.sort()
        let isSame = voters == self.voters
        guard voters.count + learners.count + demoted.count <= Self.memberCountMax else {
            throw .tooManyMembers
        }
        return try Configuration(
            voters: voters, outgoing: isSame ? [] : self.voters,
            learners: (isSame ? learners + demoted : learners).sorted(),
            demoting: isSame ? [] : demoted.sorted(), retired: retired.sorted())
    }

    /// The configuration after a joint one.
    func leavingJoint() -> Configuration {
        precondition(isJoint, "\(self) is not joint")
        do {
            return try Configuration(
                voters: voters, learners: (learners + demoting).sorted(), retired: retired)
        } catch {
            preconditionFailure("\(self) leads to no configuration: \(error)")
        }
    }
}

extension Configuration: CustomStringConvertible {
    /// `(1 2 3)`, joint `(1 4)&(1 2 3)`, with `learners (5)`.
    public var description: String {
        func list(_ members: [MemberID]) -> String {
            "(" + members.map { "\($0.rawValue)" }.joined(separator: " ") + ")"
        }
        var text = list(voters)
        if isJoint { text += "&" + list(outgoing) }
        if !learners.isEmpty { text += " learners " + list(learners) }
        if !demoting.isEmpty { text += " demoting " + list(demoting) }
        if !retired.isEmpty { text += " retired " + list(retired) }
        return text
    }
}

extension Configuration: BinaryCodable {
    private static let version: UInt8 = 1

    public func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        for list in [voters, outgoing, learners, demoting, retired] {
            writer.writeArray(list) { $0.writeVarint($1.rawValue) }
        }
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        let start = reader.offset
        let version = try reader.readByte()
        guard version == Self.version else {
            throw .unsupportedVersion(found: UInt64(version), offset: start)
        }
        var lists: [[MemberID]] = []
        for _ in 0..<5 {
            lists.append(
                try reader.readArray { (reader: inout ByteReader) throws(DecodingError) in
                    MemberID(try reader.readVarint())
                })
        }
        do {
            try self.init(
                voters: lists[0], outgoing: lists[1], learners: lists[2], demoting: lists[3],
                retired: lists[4])
        } catch {
            throw .invalid(what: "configuration", offset: start)
        }
    }
}
