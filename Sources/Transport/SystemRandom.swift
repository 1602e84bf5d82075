public import Primitives

/// The operating system's random source (`getrandom`), fit for keys and identifiers.
public struct SystemRandom: RandomSource {
    public init() {}

    public func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
