/// Where the data elements of a message lie in its bytes: what decoding finds out, and all that it
/// makes. The bytes themselves stay where they are.
public struct MessageLayout: Sendable {
    /// How a value is written in the bytes that it takes.
    enum Packing: UInt8, Sendable {
        /// As it is.
        case none
        /// Two hexadecimal digits for each byte.
        case hexadecimal
        /// Two digits in a byte; a zero nibble in front of an odd count.
        case digits
        /// Two track characters in a byte; a nibble F behind an odd count.
        case track
    }

    /// The place of one value, from the start of the bytes.
    struct Slot: Sendable {
        let start: UInt32
        /// What the value has when it is unpacked, in bytes.
        let count: UInt32
        let packing: Packing

        init(_ start: Int, count: Int, _ packing: Packing = .none) {
            self.start = UInt32(start)
            self.count = UInt32(count)
            self.packing = packing
        }

        /// What the value takes of the bytes.
        var range: Range<Int> {
            let start = Int(start)
            let count = Int(count)
            switch packing {
            case .none: return start..<(start + count)
            case .hexadecimal: return start..<(start + 2 * count)
            case .digits, .track: return start..<(start + (count + 1) / 2)
            }
        }
    }

    public internal(set) var type: MessageType
    /// Which elements are there.
    private(set) var bitmap: Bitmap
    /// A slot for each element of the bitmap, in its order.
    private(set) var slots: [Slot]

    /// A layout of the elements of `bitmap`, whose slots come in its order.
    init(_ type: MessageType, _ bitmap: Bitmap = Bitmap(), slots: [Slot] = []) {
        precondition(slots.count == bitmap.count, "a slot for each element")
        self.type = type
        self.bitmap = bitmap
        self.slots = slots
    }

    /// The numbers of the data elements that are there, ascending.
    public var fieldNumbers: [FieldNumber] {
        var numbers: [FieldNumber] = []
        numbers.reserveCapacity(bitmap.count)
        var rest = bitmap
        while let number = rest.popFirst() { numbers.append(number) }
        return numbers
    }

    /// Whether the data element is there.
    public func contains(_ number: FieldNumber) -> Bool {
        bitmap.contains(number)
    }

    /// What a data element's content takes of the bytes, its length prefix not counted: as it was
    /// written, be it packed or not. Nil when it is not there.
    public func range(of number: FieldNumber) -> Range<Int>? {
        slot(of: number)?.range
    }

    func slot(of number: FieldNumber) -> Slot? {
        guard bitmap.contains(number) else { return nil }
        return slots[bitmap.rank(of: number)]
    }

    mutating func set(_ number: FieldNumber, _ slot: Slot) {
        let rank = bitmap.rank(of: number)
        if bitmap.contains(number) {
            slots[rank] = slot
        } else {
            slots.insert(slot, at: rank)
            bitmap.insert(number)
        }
    }

    mutating func remove(_ number: FieldNumber) {
        guard bitmap.contains(number) else { return }
        slots.remove(at: bitmap.rank(of: number))
        bitmap.remove(number)
    }

    mutating func removeAll() {
        bitmap = Bitmap()
        slots = []
    }

    /// The same elements at other places.
    mutating func replaceSlots(_ replace: (Slot) -> Slot) {
        for rank in slots.indices { slots[rank] = replace(slots[rank]) }
    }
}
