/// Cuts a failing run down to what its failure needs: first the faults (delta debugging: Zeller and
/// Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002), then clients and
/// payments and the time that things break, then the faults once more.
///
/// A smaller run counts when the same check fails, whatever the amounts and names.
public struct GatewayShrinker {
    public struct Result: Sendable {
        public let script: GatewayScript
        /// What the smallest run breaks.
        public let violation: String
        /// How many runs it took.
        public let runCount: Int
    }

    private let seed: UInt64
    private let options: GatewayScenario.Options
    private let check: String
    private let runCountMax: Int
    private var runCount = 0
    private var best: GatewayScript
    private var violation: String

    /// - Parameters:
    ///   - script: what was played.
    ///   - violation: what it broke.
    ///   - runCountMax: after so many runs the smallest that was found is taken.
    public init(
        seed: UInt64, options: GatewayScenario.Options, script: GatewayScript, violation: String,
        runCountMax: Int = 150
    ) {
        self.seed = seed
        self.options = options
        self.violation = violation
        self.runCountMax = runCountMax
        check = Self.check(of: violation)
        best = script
    }

    /// Which check a violation is of: its first words, without those that tell one run from
    /// another.
    public static func check(of violation: String) -> String {
        let sentence = violation.prefix { $0 != "\n" && $0 != ";" }
        var words = sentence.split(separator: " ").filter { word in
            !word.contains { $0.isNumber || $0 == "_" }
        }
        // The promise has a number of its own.
        if let first = sentence.split(separator: " ").first, first.first == "P", first.count == 2 {
            words.insert(first, at: 0)
        }
        return words.prefix(6).joined(separator: " ")
    }

    public mutating func shrink() throws -> Result {
        var before: GatewayScript?
        while before != best, runCount < runCountMax {
            before = best
            try removeFaults()
            try shortenRun()
        }
        return Result(script: best, violation: violation, runCount: runCount)
    }

    /// Plays a smaller script; true, and it is the best one, when the same check fails.
    private mutating func takes(_ script: GatewayScript) throws -> Bool {
        guard script != best, runCount < runCountMax else { return false }
        runCount += 1
        let verdict = try GatewayScenario.run(seed: seed, options: options.playing(script))
        let check = check
        guard let found = verdict.violations.first(where: { Self.check(of: $0) == check }) else {
            return false
        }
        best = script
        violation = found
        return true
    }

    /// Removes faults in ever smaller pieces, until none can go alone.
    private mutating func removeFaults() throws {
        var none = best
        none.faults = []
        if try takes(none) { return }
        var pieceCount = 2
        while best.faults.count > 1, runCount < runCountMax {
            if try removePiece(of: pieceCount) {
                pieceCount = max(2, pieceCount - 1)
            } else if pieceCount >= best.faults.count {
                return
            } else {
                pieceCount = min(best.faults.count, pieceCount * 2)
            }
        }
    }

    private mutating func removePiece(of pieceCount: Int) throws -> Bool {
        let count = best.faults.count
        for piece in 0..<pieceCount {
            let range = count * piece / pieceCount..<count * (piece + 1) / pieceCount
            guard !range.isEmpty else { continue }
            var smaller = best
            smaller.faults.removeSubrange(range)
            if try takes(smaller) { return true }
        }
        return false
    }

    private mutating func shortenRun() throws {
        let end = max(1000, (best.faults.map(\.end).max() ?? 0) + 1000)
        if end < best.faultsEnd {
            var shorter = best
            shorter.faultsEnd = end
            _ = try takes(shorter)
        }
        try lower(\.paymentCount)
        try lower(\.clientCount)
    }

    /// Finds a smaller number by halves; that one more would fail as well is not to be expected of
    /// a random world.
    private mutating func lower(_ size: WritableKeyPath<GatewayScript, Int>) throws {
        var least = 1
        while least < best[keyPath: size], runCount < runCountMax {
            var smaller = best
            smaller[keyPath: size] = (least + best[keyPath: size]) / 2
            if try !takes(smaller) { least = smaller[keyPath: size] + 1 }
        }
    }
}
