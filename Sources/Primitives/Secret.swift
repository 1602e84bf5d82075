/// A value that must not be printed: card numbers, keys, card verification codes.
///
/// Every way of turning it into text gives `***`; reading it takes the word `reveal`, so that a
/// review finds each place. A secret of bytes can be wiped in place.
public struct Secret<Value: Sendable>: Sendable, CustomStringConvertible,
    CustomDebugStringConvertible
{
    private var value: Value

    /// Wraps a value that must not be printed.
    public init(_ value: Value) {
        self.value = value
    }

    /// Hands the value to `body`; the value should not outlive the call.
    public func reveal<Result, Failure: Error>(
        _ body: (Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(value)
    }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
}

// Embedded Swift has no reflection that could look inside.
#if !hasFeature(Embedded)
extension Secret: CustomReflectable {
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
#endif

extension Secret where Value == [UInt8] {
    /// Overwrites the bytes with zeros. Copies made before are not reached: hold secrets once.
    public mutating func wipe() {
        for index in value.indices { value[index] = 0 }
    }
}
