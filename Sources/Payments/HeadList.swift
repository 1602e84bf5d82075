/// A list whose first element lies in the value itself: most payments have one attempt, one capture
/// and one refund. It is read and changed in its place, which the elements of an `InlineArray` are
/// not: what is read of them is copied whole.
///
/// The order is the order of appending, and nothing is ever removed.
public struct HeadList<Element> {
    private var head: Element?
    private var filled: UInt32 = 0
    /// What follows; nil as long as nothing does, since nothing is copied faster.
    private var tail: [Element]?

    public init() {}

    public var count: Int { Int(filled) }

    public mutating func append(_ element: consuming Element) {
        if filled == 0 {
            head = element
        } else if tail == nil {
            tail = [element]
        } else {
            tail!.append(element)
        }
        filled += 1
    }

    /// Looks at an element in its place, where the subscript hands out a copy. `body` has to ask
    /// for one property that is computed: a stored one that it reads is read from a copy.
    @inline(__always)
    func look<Result>(_ position: Int, _ body: (Element) -> Result) -> Result {
        if position == 0 { return body(head!) }
        return body(tail![position - 1])
    }

    /// The sum of a number that each element has, each looked at in its place.
    @inline(__always)
    func sum(_ number: (Element) -> Int64) -> Int64 {
        var sum: Int64 = 0
        for position in 0..<count { sum += look(position, number) }
        return sum
    }

    /// Changes an element in its place. A subscript that lends it would be a coroutine, whose frame
    /// is allocated.
    mutating func change<Result, Failure: Error>(
        _ position: Int, _ body: (inout Element) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if position == 0 { return try body(&head!) }
        return try body(&tail![position - 1])
    }
}

extension HeadList: Sendable where Element: Sendable {}

extension HeadList: PartList, MutableCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    public subscript(position: Int) -> Element {
        get { position == 0 ? head! : tail![position - 1] }
        set {
            precondition(position >= 0 && position < count, "no element \(position) of \(count)")
            if position == 0 {
                head = newValue
            } else {
                tail![position - 1] = newValue
            }
        }
    }
}

extension HeadList: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Element...) {
        self.init()
        for element in elements { append(element) }
    }
}

extension HeadList: Equatable where Element: Equatable {}

extension HeadList: Hashable where Element: Hashable {}

// Embedded Swift makes no text of values that it does not know.
#if !hasFeature(Embedded)
extension HeadList: CustomStringConvertible {
    public var description: String { Array(self).description }
}
#endif
