/// The operations in order as a set of bits, and the pairs of such a set and a state that were
/// seen. The pairs lie one after the other in two arrays, so that one more costs no allocation of
/// its own.
struct SeenSet<State: Hashable> {
    /// The bit of each operation: answered ones first, unknown ones from a word of their own on.
    private let bits: [Int]
    private let answeredWordCount: Int
    private var current: [UInt64]
    /// Changes with each answered operation by a number of its own, so that hashing the set does
    /// not read it.
    private var answeredHash: UInt64 = 0

    private var words: [UInt64] = []
    private var states: [State] = []
    /// Per hash the pair that came last, and per pair the one of the same hash before it; -1 ends.
    private var newest: [UInt64: Int] = [:]
    private var older: [Int] = []

    init(isUnknown: [Bool]) {
        let answeredCount = isUnknown.count { !$0 }
        answeredWordCount = (answeredCount + 63) / 64
        var answered = 0
        var unknown = answeredWordCount * 64
        var bits: [Int] = []
        for isUnknown in isUnknown {
            if isUnknown {
                bits.append(unknown)
                unknown += 1
            } else {
                bits.append(answered)
                answered += 1
            }
        }
        self.bits = bits
        current = Array(repeating: 0, count: (unknown + 63) / 64)
    }

    /// Adds an operation to the current set; false, and nothing is changed, when the same answered
    /// operations led to this state before and took no unknown one that this set does not take.
    mutating func insert(_ operation: Int, _ state: State) -> Bool {
        flip(operation)
        var hasher = Hasher()
        hasher.combine(answeredHash)
        hasher.combine(state)
        let hash = UInt64(bitPattern: Int64(hasher.finalize()))
        let last = newest[hash] ?? -1
        var pair = last
        while pair >= 0 {
            if states[pair] == state && isWithinCurrent(pair) {
                flip(operation)
                return false
            }
            pair = older[pair]
        }
        older.append(last)
        newest[hash] = states.count
        states.append(state)
        words.append(contentsOf: current)
        return true
    }

    /// Takes an operation out of the current set.
    mutating func remove(_ operation: Int) {
        flip(operation)
    }

    private func isWithinCurrent(_ pair: Int) -> Bool {
        let start = pair * current.count
        for index in current.indices {
            let word = words[start + index]
            let isWithin =
                index < answeredWordCount ? word == current[index] : word & ~current[index] == 0
            guard isWithin else { return false }
        }
        return true
    }

    private mutating func flip(_ operation: Int) {
        let bit = bits[operation]
        current[bit / 64] ^= 1 << UInt64(bit % 64)
        guard bit < answeredWordCount * 64 else { return }
        // SplitMix64's finisher: the sum of few such numbers is as good as random.
        var word = (UInt64(bit) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        answeredHash ^= word ^ (word >> 31)
    }
}
