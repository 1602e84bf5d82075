import Primitives

/// Where in the table of members each is, by its id.
///
/// A table of places with open addressing: a look into it and one at the member, in two bytes a
/// slot, so that a simulation's thousand tables stay near the processor. An id is multiplied by a
/// number that the seed gives, so that nobody can choose ids that crowd.
struct MemberIndex: Sendable {
    /// A place in the table of members plus one; 0 where the slot is free. At most half are taken.
    private var slots: [UInt16]
    private var count = 0
    private let multiplier: UInt64

    private static let slotCountMin = 16

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        multiplier = random.next() | 1
        slots = [UInt16](repeating: 0, count: Self.slotCountMin)
    }

    /// The first slot to look at: the upper bits of the product, as the lower ones mix little.
    private func start(_ id: MemberID) -> Int {
        let shift = UInt64.bitWidth - slots.count.trailingZeroBitCount
        return Int((id.rawValue &* multiplier) >> UInt64(shift))
    }

    /// The place of a member; nil when it is not in the table.
    func place(of id: MemberID, in members: [Member]) -> Int? {
        var slot = start(id)
        while slots[slot] > 0 {
            let place = Int(slots[slot]) - 1
            if members[place].id == id { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Takes up a member that is not in it, and stands at `place` of the table.
    mutating func insert(_ place: Int, in members: [Member]) {
        count += 1
        guard 2 * count <= slots.count else { return rebuild(members) }
        put(place, members[place].id)
    }

    /// Begins anew with the members as they stand: removing one is rare.
    mutating func rebuild(_ members: [Member]) {
        count = members.count
        var slotCount = Self.slotCountMin
        while slotCount < 2 * count { slotCount *= 2 }
        slots = [UInt16](repeating: 0, count: slotCount)
        for place in members.indices { put(place, members[place].id) }
    }

    private mutating func put(_ place: Int, _ id: MemberID) {
        var slot = start(id)
        while slots[slot] > 0 { slot = (slot + 1) & (slots.count - 1) }
        // There are fewer members than `GossipLimits.memberCountMax`, far below 65,535.
        slots[slot] = UInt16(place + 1)
    }
}
