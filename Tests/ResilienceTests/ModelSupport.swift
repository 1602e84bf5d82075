import Primitives
import Testing

/// Where an instance and its model do not agree.
struct Mismatch: Error, CustomStringConvertible {
    let seed: UInt64
    let event: Int
    let what: String

    var description: String { "seed \(seed), event \(event): \(what)" }
}

/// Holds two answers against each other without the cost of an expectation for each.
func require<Value: Equatable>(
    _ found: @autoclosure () -> Value, is wanted: @autoclosure () -> Value, _ name: StaticString,
    seed: UInt64, event: Int
) throws(Mismatch) {
    let (found, wanted) = (found(), wanted())
    guard found != wanted else { return }
    throw Mismatch(seed: seed, event: event, what: "\(name): \(found), the model says \(wanted)")
}

/// Runs `count` strings of 20 to 60 events, each by its own seed, and prints how many there were.
/// `body` runs one string and gives the number of its events.
func runStrings(
    _ name: String, count: UInt64, firstSeed: UInt64 = 0,
    _ body: (UInt64, inout SeededRandom) throws -> Int
) {
    var eventCount = 0
    for seed in firstSeed..<(firstSeed + count) {
        var random = SeededRandom(seed: seed)
        do {
            eventCount += try body(seed, &random)
        } catch {
            Issue.record("\(name): \(error)")
            return
        }
    }
    #expect(eventCount >= 20 * Int(count))
    print("\(name): \(count) strings, \(eventCount) events")
}

extension MonotonicInstant {
    init(milliseconds: Int64) { self.init(nanoseconds: milliseconds * 1_000_000) }
}
