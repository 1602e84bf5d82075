import Cluster
import Environment
import Primitives
import Simulator
import Testing

/// Adds a number to each byte, and that number and the entry's behind them.
private struct AddingSealer: Sealer {
    let fingerprint: UInt64

    func key(for use: SealingUse) -> any SealingKey { Key(secret: fingerprint) }

    private struct Key: SealingKey {
        let secret: UInt64

        func seal(_ payload: [UInt8], number: UInt64, beside: [UInt8]) -> [UInt8] {
            payload.map { $0 &+ UInt8(truncatingIfNeeded: secret) } + mark(number)
        }

        func open(_ sealed: ArraySlice<UInt8>, number: UInt64, beside: [UInt8]) -> [UInt8]? {
            guard sealed.suffix(Seal.byteCount).elementsEqual(mark(number)) else { return nil }
            return sealed.dropLast(Seal.byteCount).map {
                $0 &- UInt8(truncatingIfNeeded: secret)
            }
        }

        private func mark(_ number: UInt64) -> [UInt8] {
            var writer = ByteWriter()
            writer.writeFixed(secret)
            writer.writeFixed(number)
            return writer.bytes
        }
    }
}

/// Members of a shard whose log is sealed, and what they do with what is not sealed as theirs.
@Suite("A sealed shard")
struct SealingTests {
    /// Three members, of which the last has another sealer, or none.
    private func members(_ world: World, last: AddingSealer?) throws -> [ShardMember] {
        let members = try (1...3 as ClosedRange<UInt64>).map { try ShardMember(world, $0) }
        for member in members { member.sealer = AddingSealer(fingerprint: 5) }
        members[2].sealer = last
        for member in members { member.start() }
        return members
    }

    private func commit(_ count: Int, _ members: [ShardMember], _ world: World) throws {
        let committed = Counter()
        try #require(members.first { $0.isServing }).propose(1, of: count, committed)
        try world.run(for: .seconds(5))
        #expect(committed.count == count)
    }

    @Test("members with one key apply what one of them has sealed")
    func oneKey() throws {
        try World.simulate(seed: 4) { world in
            let members = try members(world, last: AddingSealer(fingerprint: 5))
            try world.run(for: .seconds(10))
            try commit(100, members, world)
            #expect(members.allSatisfy { $0.appliedIndex > 100 })
            // And once more from their disks, without a leader's memory.
            for member in members { member.process.crash(.kill) }
            for member in members { member.start() }
            try world.run(for: .seconds(10))
            #expect(members.allSatisfy { $0.appliedIndex > 100 })
            #expect(members.allSatisfy { $0.process.haltReasons.isEmpty })
        }
    }

    @Test("a member with another key, or without one, is kept out, and leads nobody")
    func otherKey() throws {
        for last in [AddingSealer(fingerprint: 6), nil] {
            try World.simulate(seed: 5) { world in
                let members = try members(world, last: last)
                try world.run(for: .seconds(10))
                try commit(100, members, world)
                #expect(members.map(\.linkedCount) == [1, 1, 0])
                #expect(members.prefix(2).allSatisfy { $0.appliedIndex > 100 })
                #expect(members[2].appliedIndex == 0)
                #expect(members.allSatisfy { $0.process.haltReasons.isEmpty })
                // With the right one it catches up.
                members[2].process.crash(.kill)
                members[2].sealer = AddingSealer(fingerprint: 5)
                members[2].start()
                try world.run(for: .seconds(10))
                #expect(members[2].appliedIndex > 100)
            }
        }
    }

    @Test("what is in the log under another key, or in clear, ends who would apply it")
    func foreignEntries() throws {
        for first in [AddingSealer(fingerprint: 6), nil] {
            try World.simulate(seed: 6) { world in
                let members = try members(world, last: nil)
                for member in members { member.process.crash(.kill) }
                for member in members {
                    member.sealer = first
                    member.start()
                }
                try world.run(for: .seconds(10))
                try commit(10, members, world)
                for member in members { member.process.crash(.kill) }
                for member in members {
                    member.sealer = AddingSealer(fingerprint: 5)
                    member.start()
                }
                try world.run(for: .seconds(10))
                // Whoever led; without that one the others learn of no commit.
                let reasons = members.flatMap(\.process.haltReasons)
                #expect(!reasons.isEmpty)
                for reason in reasons {
                    #expect(reason.contains("does not open; the vault's master key"))
                }
                #expect(members.allSatisfy { $0.appliedIndex == 0 })
            }
        }
    }
}
