import Primitives
import Raft
import Testing

@Suite struct ConfigurationTests {
    private func ids(_ numbers: [UInt64]) -> [MemberID] { numbers.map { MemberID($0) } }

    private func make(
        _ voters: [UInt64], outgoing: [UInt64] = [], learners: [UInt64] = [],
        demoting: [UInt64] = [], retired: [UInt64] = []
    ) throws(Configuration.Refusal) -> Configuration {
        try Configuration(
            voters: ids(voters), outgoing: ids(outgoing), learners: ids(learners),
            demoting: ids(demoting), retired: ids(retired))
    }

    /// Lists by chance that are a configuration, joint in half of the cases.
    private func random(_ random: inout SeededRandom) throws -> Configuration {
        var pool: [UInt64] = Array(1...9)
        pool.shuffle(using: &random)
        let voters = pool.prefix(Int.random(in: 1...5, using: &random)).sorted()
        var outgoing: [UInt64] = []
        if Bool.random(using: &random) {
            pool.shuffle(using: &random)
            outgoing = pool.prefix(Int.random(in: 1...5, using: &random)).sorted()
        }
        let rest = pool.filter { !voters.contains($0) && !outgoing.contains($0) }
        let learners = rest.prefix(Int.random(in: 0...2, using: &random)).sorted()
        let demoting = outgoing.filter { !voters.contains($0) && $0 % 2 == 0 }
        return try make(
            voters, outgoing: outgoing, learners: learners, demoting: demoting, retired: [11, 12])
    }

    // MARK: Validation

    @Test("what is no configuration is refused, with its reason")
    func validation() throws {
        #expect(throws: Configuration.Refusal.noVoters) { try make([]) }
        #expect(throws: Configuration.Refusal.noVoters) { try make([], learners: [1]) }
        // Out of order, or twice.
        #expect(throws: Configuration.Refusal.inconsistent) { try make([2, 1]) }
        #expect(throws: Configuration.Refusal.inconsistent) { try make([1, 1]) }
        #expect(throws: Configuration.Refusal.inconsistent) { try make([1], outgoing: [3, 2]) }
        #expect(throws: Configuration.Refusal.inconsistent) { try make([1], learners: [3, 3]) }
        #expect(throws: Configuration.Refusal.inconsistent) { try make([1], retired: [3, 2]) }
        // A learner that votes, in either half.
        #expect(throws: Configuration.Refusal.inconsistent) { try make([1, 2], learners: [2]) }
        #expect(throws: Configuration.Refusal.inconsistent) {
            try make([1], outgoing: [1, 2], learners: [2])
        }
        // Who is demoted was a voter, and is none any more.
        #expect(throws: Configuration.Refusal.inconsistent) { try make([1], demoting: [2]) }
        #expect(throws: Configuration.Refusal.inconsistent) {
            try make([1, 2], outgoing: [1, 2], demoting: [2])
        }
        // Who is retired is nothing; leaving, it still is what it was.
        #expect(throws: Configuration.Refusal.inconsistent) { try make([1, 2], retired: [2]) }
        #expect(throws: Configuration.Refusal.inconsistent) {
            try make([1], learners: [2], retired: [2])
        }
        _ = try make([1], outgoing: [1, 2], retired: [2])
    }

    @Test("lists are bounded")
    func bounds() throws {
        let most = UInt64(2 * Configuration.memberCountMax)
        _ = try make(Array(1...most))
        #expect(throws: Configuration.Refusal.tooManyMembers) { try make(Array(1...(most + 1))) }
        #expect(throws: Configuration.Refusal.tooManyMembers) {
            try make(Array(1...most), learners: [most + 1])
        }
        let retired = Array(100..<(100 + UInt64(Configuration.retiredCountMax)))
        _ = try make([1], retired: retired)
        #expect(throws: Configuration.Refusal.tooManyMembers) {
            try make([1], retired: [99] + retired)
        }
    }

    // MARK: Changes

    @Test("changes of learners take one step, changes of voters two")
    func changes() throws {
        let three = try make([1, 2, 3], learners: [4])
        let added = try three.applying([.addLearner(MemberID(5))])
        #expect(added == (try make([1, 2, 3], learners: [4, 5])))
        let removed = try added.applying([.remove(MemberID(4))])
        #expect(removed == (try make([1, 2, 3], learners: [5])))
        let promoted = try three.applying([.promote(MemberID(4))])
        #expect(promoted == (try make([1, 2, 3, 4], outgoing: [1, 2, 3])))
        #expect(promoted.isJoint)
        let demoted = try three.applying([.demote(MemberID(1))])
        #expect(
            demoted == (try make([2, 3], outgoing: [1, 2, 3], learners: [4], demoting: [1])))
        let replaced = try three.applying([.promote(MemberID(4)), .retire(MemberID(1))])
        #expect(replaced == (try make([2, 3, 4], outgoing: [1, 2, 3], retired: [1])))
        // Retiring a learner needs no joint configuration.
        let retired = try three.applying([.retire(MemberID(4))])
        #expect(retired == (try make([1, 2, 3], retired: [4])))
        // The order of the changes does not matter for the lists.
        #expect(
            try three.applying([.retire(MemberID(1)), .promote(MemberID(4))]) == replaced)
    }

    @Test("changes that cannot be are refused, with their reason")
    func refusals() throws {
        let three = try make([1, 2, 3], learners: [4], retired: [9])
        func refusal(_ changes: Configuration.Change...) -> Configuration.Refusal? {
            do throws(Configuration.Refusal) {
                _ = try three.applying(changes)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(.addLearner(MemberID(1))) == .alreadyMember(MemberID(1)))
        #expect(refusal(.addLearner(MemberID(4))) == .alreadyMember(MemberID(4)))
        #expect(refusal(.addLearner(MemberID(9))) == .retired(MemberID(9)))
        #expect(refusal(.promote(MemberID(1))) == .wrongRole(MemberID(1)))
        #expect(refusal(.promote(MemberID(7))) == .notMember(MemberID(7)))
        #expect(refusal(.demote(MemberID(4))) == .wrongRole(MemberID(4)))
        #expect(refusal(.demote(MemberID(7))) == .notMember(MemberID(7)))
        #expect(refusal(.remove(MemberID(7))) == .notMember(MemberID(7)))
        #expect(refusal(.retire(MemberID(9))) == .notMember(MemberID(9)))
        #expect(refusal(.remove(MemberID(2)), .remove(MemberID(2))) == .notMember(MemberID(2)))
        #expect(refusal(.retire(MemberID(2)), .addLearner(MemberID(2))) == .retired(MemberID(2)))
        #expect(
            refusal(.remove(MemberID(1)), .remove(MemberID(2)), .demote(MemberID(3)))
                == .noVoters)
        let many = (10..<30).map { Configuration.Change.addLearner(MemberID($0)) }
        #expect(throws: Configuration.Refusal.tooManyMembers) { try three.applying(many) }
        let joint = try three.applying([.promote(MemberID(4))])
        #expect(throws: Configuration.Refusal.isJoint) {
            try joint.applying([.addLearner(MemberID(8))])
        }
    }

    @Test("everybody who receives the log, once and in order")
    func members() throws {
        let joint = try make([1, 4], outgoing: [1, 2, 3], learners: [5], demoting: [2])
        #expect(joint.members == ids([1, 2, 3, 4, 5]))
        #expect(joint.isVoter(MemberID(2)) && joint.isVoter(MemberID(4)))
        #expect(!joint.isVoter(MemberID(5)) && joint.contains(MemberID(5)))
        #expect(!joint.contains(MemberID(6)))
        #expect("\(joint)" == "(1 4)&(1 2 3) learners (5) demoting (2)")
    }

    // MARK: Deciding

    /// The same by sorting.
    private func naiveQuorumValue(_ voters: [MemberID], _ values: [UInt64]) -> UInt64 {
        let sorted = voters.map { values[Int($0.rawValue)] }.sorted(by: >)
        return sorted[voters.count / 2]
    }

    @Test("quorum values are those of sorting, for configurations by chance")
    func quorumValues() throws {
        var random = SeededRandom(seed: 0xC0)
        for _ in 0..<3000 {
            let configuration = try self.random(&random)
            let values = (0..<10).map { _ in UInt64.random(in: 0...6, using: &random) }
            let found = configuration.quorumValue { values[Int($0.rawValue)] }
            var naive = naiveQuorumValue(configuration.voters, values)
            if configuration.isJoint {
                naive = min(naive, naiveQuorumValue(configuration.outgoing, values))
            }
            #expect(found == naive, "\(configuration) \(values)")
            // A quorum has reached a value exactly when the quorum's value is as high.
            for threshold in 0...7 as ClosedRange<UInt64> {
                let hasQuorum = configuration.hasQuorum { values[Int($0.rawValue)] >= threshold }
                #expect(hasQuorum == (found >= threshold), "\(configuration) \(values)")
            }
        }
    }

    @Test("no two quorums that decide one after the other are without a common member")
    func overlap() throws {
        // A set of members is the bits of a number: all pairs of sets are looked at.
        let before = try make([1, 2, 3])
        let joint = try make([1, 4, 5], outgoing: [1, 2, 3])
        let after = try make([1, 4, 5])
        for (first, second) in [(before, joint), (joint, after), (joint, joint)] {
            for one in 0..<64 {
                guard first.hasQuorum({ one >> Int($0.rawValue) & 1 == 1 }) else { continue }
                for other in 0..<64 where one & other == 0 {
                    #expect(!second.hasQuorum { other >> Int($0.rawValue) & 1 == 1 })
                }
            }
        }
    }

    // MARK: Coding

    @Test("the coding gives back what was written, and its bytes are pinned")
    func coding() throws {
        let pinned = try make([1, 200], outgoing: [2], learners: [3], demoting: [2], retired: [4])
        #expect(pinned.encoded == [1, 2, 1, 0xC8, 1, 1, 2, 1, 3, 1, 2, 1, 4])
        #expect(try Configuration(encoded: pinned.encoded) == pinned)
        var random = SeededRandom(seed: 0xC1)
        for _ in 0..<1000 {
            let configuration = try self.random(&random)
            #expect(try Configuration(encoded: configuration.encoded) == configuration)
        }
        let extreme = try make([0, .max])
        #expect(try Configuration(encoded: extreme.encoded) == extreme)
    }

    @Test("hostile bytes are refused, and cost no more than their own size")
    func hostile() throws {
        func error(_ bytes: [UInt8]) -> DecodingError? {
            do throws(DecodingError) {
                _ = try Configuration(encoded: bytes)
                return nil
            } catch {
                return error
            }
        }
        #expect(error([]) == .truncated(offset: 0))
        #expect(error([2]) == .unsupportedVersion(found: 2, offset: 0))
        #expect(error([1, 0, 0, 0, 0, 0]) == .invalid(what: "configuration", offset: 0))
        #expect(error([1, 2, 2, 1, 0, 0, 0, 0]) == .invalid(what: "configuration", offset: 0))
        // A list that is said to be longer than what is left.
        #expect(error([1, 0xFF, 0xFF, 0xFF, 0x7F, 1]) == .truncated(offset: 1))
        let valid = try make([1, 2], outgoing: [1, 3], learners: [4], retired: [9]).encoded
        for count in 0..<valid.count { #expect(error(Array(valid.prefix(count))) != nil) }
        #expect(error(valid + [0]) == .trailing(offset: valid.count))
        var random = SeededRandom(seed: 0xC2)
        for _ in 0..<5000 {
            var bytes = valid
            let place = Int.random(in: bytes.indices, using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
            // Whatever can be read is valid, and is written as it was read.
            if let read = try? Configuration(encoded: bytes) { #expect(read.encoded == bytes) }
        }
    }
}
