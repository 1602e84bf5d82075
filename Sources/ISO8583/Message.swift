/// One ISO 8583 message: its type and its data elements, independent of how they are written.
///
/// A decoded message keeps the bytes that it came in and the place of each element in them: nothing
/// is copied unless an element is packed (BCD, hexadecimal). Values are ASCII characters, or raw
/// bytes for elements of class `b`. Printing a message shows its type, its trace number and the
/// numbers of its elements, and nothing else.
public struct Message: Sendable {
    /// Where a value lies in `storage`, from its start.
    struct Slot: Sendable {
        var start: UInt32
        var count: UInt32
    }

    public var type: MessageType
    /// Which elements are there.
    private(set) var bitmap = Bitmap()
    /// A slot for each element of the bitmap, in its order.
    private var slots: [Slot] = []
    /// The received bytes, followed by values that were set or unpacked.
    private var storage: ArraySlice<UInt8>
    /// Room for a whole payment message, so that building one seldom grows.
    private static let firstByteCount = 256
    /// What the values take of `storage`.
    private var liveByteCount = 0

    /// A message without data elements.
    public init(_ type: MessageType) {
        self.type = type
        storage = []
    }

    /// A message whose elements are those of `bitmap`. Each of them has to be appended, in order,
    /// before the message is used.
    init(_ type: MessageType, received: ArraySlice<UInt8>, bitmap: Bitmap) {
        self.type = type
        self.bitmap = bitmap
        storage = received
        slots.reserveCapacity(bitmap.count)
    }

    /// The numbers of the data elements that are there, ascending.
    public var fieldNumbers: [FieldNumber] {
        var numbers: [FieldNumber] = []
        numbers.reserveCapacity(bitmap.count)
        var rest = bitmap
        while let bit = rest.popFirst() { numbers.append(FieldNumber(ofBit: bit)) }
        return numbers
    }

    /// Whether the data element is there.
    public func contains(_ number: FieldNumber) -> Bool {
        bitmap.contains(number)
    }

    /// The bytes of a data element: a view into the message. Nil when it is not there; setting nil
    /// removes it. Lengths and characters are checked when the message is encoded.
    public subscript(number: FieldNumber) -> ArraySlice<UInt8>? {
        get {
            guard bitmap.contains(number) else { return nil }
            return value(in: slots[bitmap.rank(of: number)])
        }
        set {
            if let newValue { set(number, newValue) } else { remove(number) }
        }
    }

    /// Sets a data element to the given bytes.
    public mutating func set(_ number: FieldNumber, _ value: some Collection<UInt8>) {
        remove(number)
        compactIfMostlyGarbage(adding: value.count)
        if storage.count + value.count > storage.capacity {
            move(toRoomFor: max(Self.firstByteCount, 2 * (liveByteCount + value.count)))
        }
        let start = storage.count
        storage.append(contentsOf: value)
        let slot = Slot(start: UInt32(start), count: UInt32(storage.count - start))
        slots.insert(slot, at: bitmap.rank(of: number))
        bitmap.insert(number)
        liveByteCount += Int(slot.count)
    }

    /// Removes a data element, if it is there. Its bytes stay in memory until `wipe`.
    public mutating func remove(_ number: FieldNumber) {
        guard bitmap.contains(number) else { return }
        liveByteCount -= Int(slots.remove(at: bitmap.rank(of: number)).count)
        bitmap.remove(number)
    }

    /// Removes every data element and overwrites all bytes of this message with zeros. Bytes that
    /// somebody else still holds (the received buffer, an encoded copy, a `Secret`) are not
    /// reached.
    public mutating func wipe() {
        bitmap = Bitmap()
        slots = []
        liveByteCount = 0
        for index in storage.indices { storage[index] = 0 }
        storage = []
    }

    func value(in slot: Slot) -> ArraySlice<UInt8> {
        let start = storage.startIndex + Int(slot.start)
        return storage[start..<(start + Int(slot.count))]
    }

    /// The value of the element with the given rank in the bitmap.
    func value(atRank rank: Int) -> ArraySlice<UInt8> {
        value(in: slots[rank])
    }

    /// Says where the next element's value lies in the received bytes.
    mutating func append(at range: Range<Int>) {
        slots.append(Slot(start: UInt32(range.lowerBound), count: UInt32(range.count)))
        liveByteCount += range.count
    }

    /// Gives the next element a value that was unpacked.
    mutating func append(unpacked value: [UInt8]) {
        let start = storage.count
        storage.append(contentsOf: value)
        append(at: start..<storage.count)
    }

    /// Values that were replaced stay in the storage until they are most of it: setting an element
    /// again and again takes no more room than twice the message and a page.
    private mutating func compactIfMostlyGarbage(adding count: Int) {
        guard storage.count + count > 2 * (liveByteCount + count) + 4096 else { return }
        move(toRoomFor: liveByteCount + count)
    }

    /// Moves the values into a storage of their own and overwrites the old one: an array that grows
    /// by itself leaves its bytes, perhaps a card number, behind in freed memory.
    private mutating func move(toRoomFor count: Int) {
        var moved: [UInt8] = []
        moved.reserveCapacity(count)
        for index in slots.indices {
            let bytes = value(in: slots[index])
            slots[index].start = UInt32(moved.count)
            moved.append(contentsOf: bytes)
        }
        for index in storage.indices { storage[index] = 0 }
        storage = moved[...]
    }
}

extension Message: Hashable {
    /// Same type, same elements with the same bytes.
    public static func == (left: Message, right: Message) -> Bool {
        guard left.type == right.type, left.bitmap == right.bitmap else { return false }
        return left.slots.indices.allSatisfy { left.value(atRank: $0) == right.value(atRank: $0) }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(bitmap)
        for rank in slots.indices { hasher.combine(value(atRank: rank)) }
    }
}

extension Message: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Type, STAN and the numbers of the elements, such as `0100 STAN 000123 DE 2 3 4 11`.
    public var description: String {
        let trace = trace.map { " STAN \($0)" } ?? ""
        let numbers = fieldNumbers.map { " \($0)" }.joined()
        return "\(type)\(trace)\(numbers.isEmpty ? "" : " DE\(numbers)")"
    }

    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
