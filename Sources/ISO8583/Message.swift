/// One ISO 8583 message: its type and its data elements, independent of how they are written.
///
/// A decoded message keeps the bytes that it came in and the place of each element in them: nothing
/// is copied, and what is packed (BCD, hexadecimal) is unpacked when it is asked for. Values are
/// ASCII characters, or raw bytes for elements of class `b`. Printing a message shows its type, its
/// trace number and the numbers of its elements, and nothing else.
public struct Message: Sendable {
    /// The places of the elements in `storage`, from its start.
    private(set) var layout: MessageLayout
    /// The received bytes, followed by values that were set.
    private(set) var storage: ArraySlice<UInt8>
    /// What the values that were not replaced take of `storage`.
    private var liveByteCount: Int
    /// Room for a whole payment message, so that building one seldom grows.
    private static let firstByteCount = 256

    /// A message without data elements.
    public init(_ type: MessageType) {
        layout = MessageLayout(type)
        storage = []
        liveByteCount = 0
    }

    /// The message that lies in `received` as `layout` says.
    init(_ layout: MessageLayout, in received: ArraySlice<UInt8>) {
        self.layout = layout
        storage = received
        liveByteCount = received.count
    }

    public var type: MessageType {
        get { layout.type }
        set { layout.type = newValue }
    }

    /// The numbers of the data elements that are there, ascending.
    public var fieldNumbers: [FieldNumber] { layout.fieldNumbers }

    /// Whether the data element is there.
    public func contains(_ number: FieldNumber) -> Bool {
        layout.contains(number)
    }

    /// The bytes of a data element: a view into the message unless it is packed. Nil when it is not
    /// there; setting nil removes it. Lengths and characters are checked when the message is
    /// encoded.
    public subscript(number: FieldNumber) -> ArraySlice<UInt8>? {
        get { layout.slot(of: number).map { value(in: $0) } }
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
        let count = storage.count - start
        layout.set(number, MessageLayout.Slot(start, count: count))
        liveByteCount += count
    }

    /// Removes a data element, if it is there. Its bytes stay in memory until `wipe`.
    public mutating func remove(_ number: FieldNumber) {
        guard let slot = layout.slot(of: number) else { return }
        liveByteCount -= slot.range.count
        layout.remove(number)
    }

    /// Removes every data element and overwrites all bytes of this message with zeros. Bytes that
    /// somebody else still holds (the received buffer, an encoded copy, a `Secret`) are not
    /// reached.
    public mutating func wipe() {
        layout.removeAll()
        liveByteCount = 0
        for index in storage.indices { storage[index] = 0 }
        storage = []
    }

    func value(in slot: MessageLayout.Slot) -> ArraySlice<UInt8> {
        let range = slot.range
        let start = storage.startIndex
        switch slot.packing {
        case .none: return storage[(start + range.lowerBound)..<(start + range.upperBound)]
        case .hexadecimal, .digits, .track: return slot.unpacked(from: storage.span)[...]
        }
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
        layout.replaceSlots { [storage] slot in
            let start = moved.count
            let range = slot.range
            moved += storage[(storage.startIndex + range.lowerBound)...].prefix(range.count)
            return MessageLayout.Slot(start, count: Int(slot.count), slot.packing)
        }
        for index in storage.indices { storage[index] = 0 }
        storage = moved[...]
        liveByteCount = moved.count
    }
}

extension Message: Hashable {
    /// Same type, same elements with the same bytes.
    public static func == (left: Message, right: Message) -> Bool {
        guard left.type == right.type, left.layout.bitmap == right.layout.bitmap else {
            return false
        }
        return zip(left.layout.slots, right.layout.slots).allSatisfy {
            left.value(in: $0) == right.value(in: $1)
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(layout.bitmap)
        for slot in layout.slots { hasher.combine(value(in: slot)) }
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
