public import Primitives
import Synchronization

/// A process's source of chance.
public final class SimulatedRandom: RandomSource {
    private let state: Mutex<SeededRandom>

    init(_ random: SeededRandom) {
        state = Mutex(random)
    }

    public func next() -> UInt64 {
        state.withLock { $0.next() }
    }
}
