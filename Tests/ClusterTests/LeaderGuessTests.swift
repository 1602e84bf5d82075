import Cluster
import Primitives
import Testing

@Suite("whom to ask for the leader")
struct LeaderGuessTests {
    private static let voters: [MemberID] = [4, 5, 6, 8, 9].map(MemberID.init)

    /// Asks until the leader answers; who was asked, in order.
    private static func way(
        _ guess: inout LeaderGuess, own: UInt64 = 1, known: UInt64? = nil, leader: UInt64,
        hints: [UInt64: UInt64] = [:], silent: Set<UInt64> = []
    ) -> [UInt64] {
        var asked: [UInt64] = []
        while asked.count < 20 {
            let next = guess.memberToAsk(
                known: known.map(MemberID.init), voters: voters, own: MemberID(own),
                awaitsElection: known != nil)
            guard let next else { return asked }
            asked.append(next.rawValue)
            guard next.rawValue != leader else {
                guess.learn(from: .answer([]), of: next)
                return asked
            }
            let hint = hints[next.rawValue].map(MemberID.init)
            let isSilent = silent.contains(next.rawValue)
            guess.learn(from: isSilent ? .unreachable : .moved(to: hint), of: next)
        }
        return asked
    }

    @Test("a known leader that leads no more is asked once, and its hints are followed")
    func staleReplica() {
        var guess = LeaderGuess()
        let way = Self.way(&guess, known: 7, leader: 5, hints: [7: 9, 9: 5])
        #expect(way == [7, 9, 5])
    }

    @Test("without a replica the voters are asked in turn, and the leader is remembered")
    func withoutReplica() {
        var guess = LeaderGuess()
        #expect(Self.way(&guess, leader: 6) == [4, 5, 6])
        #expect(Self.way(&guess, leader: 6) == [6])
    }

    @Test("two that name each other do not keep from the third")
    func circle() {
        var guess = LeaderGuess()
        let way = Self.way(&guess, leader: 9, hints: [4: 5, 5: 4, 6: 4, 8: 5])
        #expect(way == [4, 5, 6, 8, 9])
    }

    @Test("who did not answer is asked again once somebody names it")
    func silence() {
        var guess = LeaderGuess()
        let way = Self.way(&guess, known: 5, leader: 8, hints: [4: 5, 6: 8], silent: [5])
        #expect(way == [5, 4, 5, 6, 8])
    }

    @Test("everybody is asked again where all were asked in vain")
    func again() {
        var guess = LeaderGuess()
        #expect(Self.way(&guess, leader: 0).count == 20)
        #expect(Self.way(&guess, leader: 8).count <= Self.voters.count)
    }

    @Test("who names somebody new each time does not keep from the leader")
    func liar() {
        var guess = LeaderGuess()
        for turn in 0..<100 {
            var asked = 0
            while asked < 20 {
                let next = guess.memberToAsk(
                    known: nil, voters: Self.voters, own: MemberID(1), awaitsElection: false)
                guard let next, next != MemberID(9) else { break }
                asked += 1
                let isMember = Self.voters.contains(next)
                let invented = MemberID(UInt64(1_000 + turn * 20 + asked))
                guess.learn(from: isMember ? .moved(to: invented) : .unreachable, of: next)
            }
            #expect(asked < 20, "turn \(turn)")
        }
    }

    @Test("a replica that knows of no leader waits for one, and forgets what it was told before")
    func replica() {
        var guess = LeaderGuess()
        let own = MemberID(4)
        func next(known: UInt64?) -> MemberID? {
            guess.memberToAsk(
                known: known.map(MemberID.init), voters: Self.voters, own: own,
                awaitsElection: true)
        }
        #expect(next(known: nil) == nil)
        #expect(next(known: 4) == nil)
        #expect(next(known: 8) == MemberID(8))
        guess.learn(from: .moved(to: MemberID(9)), of: MemberID(8))
        #expect(next(known: 8) == MemberID(9))
        guess.leaderChanged()
        #expect(next(known: nil) == nil)
        #expect(next(known: 8) == MemberID(8))
    }
}
