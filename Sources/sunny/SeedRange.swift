import ArgumentParser

/// The seeds that a simulation plays: `--seeds A..B`, or `--seed S`.
struct SeedRange: ParsableArguments {
    @Option(help: "A range of seeds, both ends included: 1..200.")
    var seeds: String?

    @Option(help: "One seed.")
    var seed: UInt64?

    func validate() throws {
        guard (seeds == nil) != (seed == nil) else {
            throw ValidationError("name either --seeds A..B or --seed S")
        }
        _ = try range()
    }

    func range() throws -> ClosedRange<UInt64> {
        if let seed { return seed...seed }
        let parts = (seeds ?? "").split(separator: ".", omittingEmptySubsequences: true)
        guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]),
            first <= last
        else { throw ValidationError("--seeds takes A..B, as in 1..200") }
        return first...last
    }
}
