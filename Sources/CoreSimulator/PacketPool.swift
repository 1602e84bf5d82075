/// Messages on their way: they stay where they are while the events that bring them are put in
/// order.
struct PacketPool {
    typealias Slot = Int32

    private struct Place {
        var packet: CoreWorld.Packet?
        /// The node that it goes to.
        var receiver: Int
    }

    private var places: [Place] = []
    private var free: [Slot] = []

    mutating func put(_ packet: consuming CoreWorld.Packet, to receiver: Int) -> Slot {
        guard let slot = free.popLast() else {
            places.append(Place(packet: packet, receiver: receiver))
            return Slot(places.count - 1)
        }
        places[Int(slot)].packet = packet
        places[Int(slot)].receiver = receiver
        return slot
    }

    func receiver(of slot: Slot) -> Int { places[Int(slot)].receiver }

    /// Takes a message out; the slot is free from then on.
    mutating func take(_ slot: Slot) -> CoreWorld.Packet {
        guard let packet = places[Int(slot)].packet.take() else {
            preconditionFailure("no message in slot \(slot)")
        }
        free.append(slot)
        return packet
    }
}
