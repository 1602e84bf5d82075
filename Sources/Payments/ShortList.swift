/// A list that parts of a payment are appended to.
package protocol PartList: RandomAccessCollection {
    init()
    mutating func append(_ element: consuming Element)
}

/// A list whose first elements lie in the value itself, so that the common payment, with a few
/// effects and a few ledger entries, grows without an allocation.
///
/// The order is the order of appending, and nothing is ever removed.
public struct ShortList<let inlineCount: Int, Element> {
    private var inline: InlineArray<inlineCount, Element?>
    /// What found no place inside; nil as long as all did, since nothing is copied faster.
    private var rest: [Element]?
    public private(set) var count = 0

    public init() {
        inline = InlineArray(repeating: nil)
    }

    public mutating func append(_ element: consuming Element) {
        if count < inlineCount {
            inline[count] = element
        } else if rest == nil {
            rest = [element]
        } else {
            rest!.append(element)
        }
        count += 1
    }

    /// Changes an element where it lies, without a copy of it. A subscript that lends it would be
    /// a coroutine, whose frame is allocated.
    mutating func change<Result, Failure: Error>(
        _ position: Int, _ body: (inout Element) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(position >= 0 && position < count, "no element \(position) of \(count)")
        if position < inlineCount { return try body(&inline[position]!) }
        return try body(&rest![position - inlineCount])
    }
}

extension ShortList: Sendable where Element: Sendable {}

extension ShortList: PartList, MutableCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    public subscript(position: Int) -> Element {
        get {
            precondition(position >= 0 && position < count, "no element \(position) of \(count)")
            return position < inlineCount ? inline[position]! : rest![position - inlineCount]
        }
        set {
            precondition(position >= 0 && position < count, "no element \(position) of \(count)")
            if position < inlineCount {
                inline[position] = newValue
            } else {
                rest![position - inlineCount] = newValue
            }
        }
    }
}

extension ShortList: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Element...) {
        self.init()
        for element in elements { append(element) }
    }
}

extension ShortList: Equatable where Element: Equatable {
    public static func == (left: Self, right: Self) -> Bool {
        left.count == right.count && left.elementsEqual(right)
    }
}

extension ShortList: Hashable where Element: Hashable {
    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for element in self { hasher.combine(element) }
    }
}

// Embedded Swift makes no text of values that it does not know.
#if !hasFeature(Embedded)
extension ShortList: CustomStringConvertible {
    public var description: String { Array(self).description }
}
#endif
