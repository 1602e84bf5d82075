import Cluster
import Primitives
import Testing

/// Who differs from whom, and who is to halt: each member judges itself.
@Suite("Comparison of states")
struct ChecksumComparisonTests {
    private static let group = GroupID(1)
    private static let end = StateChecksums.windowLength

    /// A member that has applied one window, or `windowCount`, in its own way.
    private static func comparison(_ state: UInt32, windowCount: LogIndex = 1)
        -> ChecksumComparison
    {
        var comparison = ChecksumComparison(group, startingAfter: 0)
        for window in 1...windowCount {
            comparison.own.endWindow(at: window * end, rows: [state])
        }
        return comparison
    }

    /// Member by member, as many of `states` as there are; nil for one that does not answer.
    private static func judgements(
        _ states: [UInt32?], of place: Int
    ) throws -> [StateDifference.Judgement] {
        let members = states.indices.map { MemberID(UInt64($0 + 1)) }
        var judged = comparison(try #require(states[place]))
        let asked = judged.newWindows(for: members[place])
        for (other, state) in zip(members, states) where other != members[place] {
            guard let state else { continue }
            let answer = ChecksumReport(
                group: group, rowFormat: 1, appliedIndex: end,
                windows: comparison(state).windows(like: asked))
            _ = judged.hear(answer, to: asked, from: other)
        }
        // Those that were heard before the dispute are asked again.
        for (other, state) in zip(members, states) where other != members[place] {
            guard let state else { continue }
            let disputed = judged.disputed
            let answer = ChecksumReport(
                group: group, rowFormat: 1, appliedIndex: end,
                windows: comparison(state).windows(like: disputed))
            _ = judged.hear(answer, to: disputed, from: other)
        }
        return judged.judge(voters: members, member: members[place]).map(\.judgement)
    }

    @Test("only who has a majority of the voters against it is to halt")
    func majority() throws {
        #expect(try Self.judgements([1, 1, 1], of: 0) == [])
        #expect(try Self.judgements([1, 1, 2], of: 0) == [.withMajority])
        #expect(try Self.judgements([1, 1, 2], of: 2) == [.against(count: 2)])
        #expect(try Self.judgements([2, 1, 1], of: 0) == [.against(count: 2)])
        #expect(try Self.judgements([1, 1, 1, 2, 3], of: 4) == [.against(count: 3)])
        #expect(try Self.judgements([1, 1, 2, 2, 3], of: 0) == [.undecided])
        #expect(try Self.judgements([1, 2, 3], of: 0) == [.undecided])
        #expect(try Self.judgements([1, 2], of: 0) == [.undecided])
        #expect(try Self.judgements([1, 2], of: 1) == [.undecided])
    }

    @Test("while somebody is silent, a majority of those that answer is not enough")
    func silence() throws {
        #expect(try Self.judgements([1, 2, nil], of: 1) == [])
        #expect(try Self.judgements([1, 1, 2, nil, nil], of: 2) == [])
        #expect(try Self.judgements([1, 1, 1, 2, nil], of: 3) == [.against(count: 3)])
    }

    @Test("what has been answered is not asked again, and what was not applied yet is")
    func asking() throws {
        let peer = MemberID(2)
        var leader = Self.comparison(1, windowCount: 3)
        let asked = leader.newWindows(for: peer)
        #expect(asked.map(\.end) == [Self.end, 2 * Self.end, 3 * Self.end])
        let behind = ChecksumReport(
            group: Self.group, rowFormat: 1, appliedIndex: 2 * Self.end + 5,
            windows: Array(asked[1..<2]))
        let isDisputed = leader.hear(behind, to: asked, from: peer)
        #expect(!isDisputed)
        #expect(leader.newWindows(for: peer).map(\.end) == [3 * Self.end])
        #expect(leader.newWindows(for: MemberID(3)).count == 3)
        #expect(leader.comparedCount == 1)
        _ = leader.hear(nil, to: asked, from: peer)
        #expect(leader.newWindows(for: peer) == [])
    }

    @Test("a dispute is opened once, and ends when nobody can settle it")
    func dispute() throws {
        var own = Self.comparison(1)
        let other = Self.comparison(2).own.recent
        let voters = [MemberID(1), MemberID(2), MemberID(3)]
        var isNew = own.hear(other, from: voters[1])
        #expect(isNew)
        isNew = own.hear(other, from: voters[1])
        #expect(!isNew)
        #expect(own.disputed.map(\.end) == [Self.end])
        #expect(own.judge(voters: voters, member: voters[0]) == [])
        _ = own.hear(nil, to: own.disputed, from: voters[2])
        let judged = own.judge(voters: voters, member: voters[0])
        #expect(judged.map(\.judgement) == [.undecided])
        #expect(own.disputed == [])
        isNew = own.hear(other, from: voters[1])
        #expect(!isNew)
        #expect(own.differenceCount == 1)
        #expect("\(try #require(judged.first))".contains("entries 1 to 128"))
    }

    @Test("what was told of a state that a snapshot has replaced counts no more")
    func snapshot() {
        var own = Self.comparison(1)
        _ = own.hear(Self.comparison(2).own.recent, from: MemberID(2))
        own.restart(after: 5 * Self.end + 3)
        #expect(own.disputed == [])
        #expect(own.own.recent == [])
        #expect(own.judge(voters: [MemberID(1), MemberID(2)], member: MemberID(1)) == [])
    }

    @Test("a report survives its bytes, and nothing else is read as one")
    func bytes() throws {
        let report = ChecksumReport(
            group: GroupID(.max - 1), rowFormat: 3, appliedIndex: 300,
            windows: [
                WindowChecksum(end: 128, checksum: 0xDEAD_BEEF),
                WindowChecksum(end: 256, checksum: 0),
            ])
        let bytes = report.encoded
        #expect(
            bytes == [
                1, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 3, 0xAC, 2, 2, 0x80, 1, 0xEF, 0xBE, 0xAD, 0xDE,
                0x80, 2, 0, 0, 0, 0,
            ])
        #expect(try ChecksumReport(encoded: bytes) == report)
        for count in bytes.indices {
            #expect(throws: DecodingError.self) {
                try ChecksumReport(encoded: Array(bytes.prefix(count)))
            }
        }
        let many = ChecksumReport(
            group: Self.group, rowFormat: 1, appliedIndex: 0,
            windows: (0...LogIndex(StateChecksums.windowCountMax)).map {
                WindowChecksum(end: $0, checksum: 0)
            })
        #expect(throws: DecodingError.self) { try ChecksumReport(encoded: many.encoded) }
    }
}
