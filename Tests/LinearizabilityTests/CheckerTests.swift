import Linearizability
import Primitives
import Testing

/// A lock that cannot be taken twice, so that there is a state in which an unknown outcome can
/// only have been none.
private struct LockModel: SequentialModel {
    enum Input: Hashable, Sendable { case take, free }

    var initialState: Bool { false }

    func step(_ state: Bool, _ input: Input, _ output: Bool?) -> Bool? {
        switch (input, state, output ?? true) {
        case (.take, false, true): true
        case (.free, true, true): false
        case (_, _, false): (input == .take) == state ? state : nil
        case (.take, true, true), (.free, false, true): nil
        }
    }
}

@Suite("The checker of linearizability")
struct CheckerTests {
    private typealias Row = (
        input: RegisterModel.Input, output: RegisterModel.Output?, called: Int64, returned: Int64?
    )

    private func history(_ rows: [Row], key: String = "a") -> RegisterHistory {
        RegisterHistory(
            rows.enumerated().map { client, row in
                RegisterHistory.Operation(
                    client: client, key: key, input: row.input, output: row.output,
                    called: instant(row.called), returned: row.returned.map(instant))
            })
    }

    private func verdict(_ history: RegisterHistory) -> Verdict {
        var checker = Checker(RegisterModel())
        return checker.check(history)
    }

    private func verdict(_ rows: [Row]) -> Verdict {
        verdict(history(rows))
    }

    private func violation(_ rows: [Row]) throws -> Violation {
        guard case .notLinearizable(let violation) = verdict(rows) else {
            throw ExpectationFailed()
        }
        return violation
    }

    private struct ExpectationFailed: Error {}

    @Test("Nothing at all is linearizable")
    func empty() {
        #expect(verdict([]) == .linearizable)
        #expect(verdict([(.write(1), nil, 0, nil)]) == .linearizable)
    }

    @Test("A stale read, and the same read while the write is under way")
    func staleRead() throws {
        let found = try violation([
            (.write(1), .written, 0, 10), (.write(2), .written, 20, 30),
            (.read, .value(1), 40, 50),
        ])
        #expect(found == Violation(key: "a", prefix: [0, 1], stuck: [2], state: "Optional(2)"))
        #expect(
            verdict([
                (.write(1), .written, 0, 10), (.write(2), .written, 20, 30),
                (.read, .value(1), 30, 50),
            ]) == .linearizable)
    }

    @Test("Two reads that see two writes in different orders")
    func disagreement() throws {
        let found = try violation([
            (.write(1), .written, 0, 100), (.write(2), .written, 0, 100),
            (.read, .value(1), 110, 120), (.read, .value(2), 130, 140),
        ])
        #expect(found.prefix.count == 3)
        #expect(found.stuck == [3])
    }

    @Test("A lost update: two swaps from the same value")
    func lostUpdate() throws {
        let found = try violation([
            (.write(1), .written, 0, 10),
            (.compareAndSet(expected: 1, new: 2), .swapped(true), 20, 40),
            (.compareAndSet(expected: 1, new: 3), .swapped(true), 20, 40),
        ])
        #expect(found.prefix.count == 2)
        #expect(found.stuck.count == 1)
    }

    @Test("A swap that failed although the register held what it expected")
    func swaps() throws {
        #expect(
            verdict([
                (.compareAndSet(expected: nil, new: 1), .swapped(true), 0, 10),
                (.compareAndSet(expected: nil, new: 2), .swapped(false), 20, 30),
                (.compareAndSet(expected: 1, new: 2), .swapped(true), 40, 50),
                (.read, .value(2), 60, 70),
            ]) == .linearizable)
        _ = try violation([(.compareAndSet(expected: nil, new: 1), .swapped(false), 0, 10)])
        _ = try violation([(.read, .written, 0, 10)])
    }

    @Test("An unknown write may surface late, once, or never")
    func unknownWrite() throws {
        let write: Row = (.write(1), nil, 0, nil)
        #expect(verdict([write, (.read, .value(nil), 10, 20)]) == .linearizable)
        #expect(
            verdict([
                write, (.read, .value(nil), 10, 20), (.write(2), .written, 30, 40),
                (.read, .value(2), 50, 60), (.read, .value(1), 70, 80),
            ]) == .linearizable)
        let found = try violation([
            write, (.read, .value(1), 10, 20), (.write(2), .written, 30, 40),
            (.read, .value(1), 50, 60),
        ])
        #expect(found.prefix == [0, 1, 2])
        #expect(found.stuck == [3])
        // It is not done before it is asked for.
        _ = try violation([(.read, .value(1), 0, 5), (.write(1), nil, 10, nil)])
    }

    @Test("An unknown swap explains what was read after it")
    func unknownSwap() throws {
        let swap: Row = (.compareAndSet(expected: 1, new: 2), nil, 20, nil)
        #expect(
            verdict([
                (.write(1), .written, 0, 10), swap, (.read, .value(1), 30, 40),
                (.read, .value(2), 50, 60),
            ]) == .linearizable)
        _ = try violation([
            (.write(3), .written, 0, 10), swap, (.read, .value(2), 30, 40),
        ])
    }

    @Test("A write that changes nothing where it first could be may be needed later")
    func idleWrite() {
        #expect(
            verdict([
                (.write(1), .written, 0, 10), (.write(1), .written, 20, 60),
                (.write(2), .written, 20, 60), (.read, .value(2), 30, 40),
                (.read, .value(1), 70, 80),
            ]) == .linearizable)
        #expect(
            verdict([
                (.compareAndSet(expected: 1, new: 0), nil, 1, 3), (.read, .value(0), 8, 12),
                (.read, .value(nil), 1, 7), (.write(1), .written, 2, 11),
            ]) == .linearizable)
    }

    @Test("A model may refuse an unknown operation, which then never was")
    func lock() {
        func history(_ inputs: [(LockModel.Input, Bool?, Bool)]) -> History<LockModel> {
            History(
                inputs.enumerated().map { number, row in
                    History<LockModel>.Operation(
                        client: number, key: "lock", input: row.0, output: row.1,
                        called: instant(Int64(number) * 10),
                        returned: row.2 ? instant(Int64(number) * 10 + 5) : nil)
                })
        }
        var checker = Checker(LockModel())
        #expect(
            checker.check(history([(.free, nil, false), (.take, true, true)])) == .linearizable)
        #expect(
            checker.check(
                history([(.free, nil, false), (.take, true, true), (.take, true, true)]))
                == .linearizable)
        #expect(
            checker.check(
                history([(.take, true, true), (.free, nil, false), (.take, nil, true)]))
                == .linearizable)
        guard
            case .notLinearizable = checker.check(
                history([(.take, true, true), (.take, true, true)]))
        else {
            Issue.record("the lock was taken twice")
            return
        }
    }

    @Test("Keys are checked apart, and the first bad one is named in the history's own places")
    func keys() {
        let good = history([(.write(1), .written, 0, 10), (.read, .value(1), 20, 30)], key: "a")
        let bad = history([(.write(2), .written, 0, 10), (.read, .value(1), 20, 30)], key: "b")
        #expect(
            verdict(RegisterHistory(good.operations + bad.operations))
                == .notLinearizable(
                    Violation(key: "b", prefix: [2], stuck: [3], state: "Optional(2)")))
        #expect(
            bad.explanation(
                of: Violation(key: "b", prefix: [0], stuck: [1], state: "Optional(2)"))
                    == """
                    key b: 1 operations have an order
                      #0 client 0: write(2) -> written [0, 10] ns
                    after them the state is Optional(2), and none of these can follow:
                      #1 client 1: read -> value(Optional(1)) [20, 30] ns
                    """)
    }

    @Test("A search that runs out of steps says so, unless another key settles the matter")
    func undecided() {
        var histories = RandomHistories(seed: 1)
        let long = histories.atomic(.init(operationCount: 50, clientCount: 5))
        var checker = Checker(RegisterModel(), stepsMax: 10)
        #expect(checker.check(long) == .undecided(key: "a"))
        #expect(checker.steps <= 12)
        let bad = history([(.read, .value(1), 0, 10)], key: "b")
        let both = RegisterHistory(bad.operations + long.operations)
        guard case .notLinearizable(let violation) = checker.check(both) else {
            Issue.record("the bad key comes first and takes one step")
            return
        }
        #expect(violation.key == "b")
    }

    @Test("Atomic registers are linearizable, and the work grows with their length")
    func atomic() {
        // Twice and more what the worst of these seeds takes.
        let bounds: [(unknownPercent: UInt64, seeds: Range<UInt64>, steps: Int)] = [
            (0, 0..<40, 50_000), (2, 0..<40, 500_000), (10, 0..<5, 4_000_000),
        ]
        for bound in bounds {
            for seed in bound.seeds {
                var histories = RandomHistories(seed: seed)
                let history = histories.atomic(
                    .init(
                        operationCount: 1000, clientCount: 10,
                        unknownPercent: bound.unknownPercent))
                var checker = Checker(RegisterModel())
                #expect(checker.check(history) == .linearizable)
                #expect(checker.steps < bound.steps, "seed \(seed), \(bound.unknownPercent) %")
            }
        }
    }

    @Test("A value out of nowhere at the end of a long history is found")
    func longViolation() {
        for seed in UInt64(0)..<20 {
            var histories = RandomHistories(seed: seed)
            var history = histories.atomic(.init(operationCount: 1000, clientCount: 10))
            let end = history.operations.compactMap(\.returned).max()!
            let read = history.begin(client: 99, key: "a", input: .read, at: end + .seconds(1))
            history.end(read, output: .value(-1), at: end + .seconds(2))
            var checker = Checker(RegisterModel())
            guard case .notLinearizable(let violation) = checker.check(history) else {
                Issue.record("seed \(seed): not found in \(checker.steps) steps")
                continue
            }
            #expect(violation.prefix.count == 1000)
            #expect(violation.stuck == [1000])
        }
    }

    /// The verdict of the checker and the definition's, and what is claimed of a violation.
    private func compare(_ history: RegisterHistory) -> Bool {
        let expected = Oracle.isLinearizable(history, RegisterModel())
        switch verdict(history) {
        case .linearizable: #expect(expected, "\(history)")
        case .undecided: Issue.record("\(history)")
        case .notLinearizable(let violation):
            #expect(!expected, "\(history)")
            // The prefix is an order of its own, and none of what is stuck can follow it.
            var state: Int64?
            for index in violation.prefix {
                let operation = history.operations[index]
                let after = RegisterModel().step(state, operation.input, operation.output)
                guard let after else {
                    Issue.record("the prefix is refused: \(history)")
                    return expected
                }
                state = after
            }
            #expect(!violation.stuck.isEmpty)
            for index in violation.stuck {
                let operation = history.operations[index]
                #expect(RegisterModel().step(state, operation.input, operation.output) == nil)
            }
        }
        return expected
    }

    @Test("Thousands of small histories of any kind, against every order there is")
    func oracle() {
        var histories = RandomHistories(seed: 7)
        var counts = [0, 0]
        for number in 0..<12_000 {
            let shape = RandomHistories.Shape(
                operationCount: 2 + number % 6, clientCount: 3,
                keys: number % 5 == 0 ? ["a", "b"] : ["a"], unknownPercent: 25, valueCount: 3)
            counts[compare(histories.wild(shape)) ? 1 : 0] += 1
        }
        #expect(counts.allSatisfy { $0 > 2000 }, "\(counts)")
    }

    @Test("Small histories of an atomic register with one answer changed, against every order")
    func planted() {
        var histories = RandomHistories(seed: 8)
        var counts = [0, 0]
        for number in 0..<6000 {
            let shape = RandomHistories.Shape(
                operationCount: 4 + number % 4, clientCount: 3,
                unknownPercent: number % 2 == 0 ? 0 : 20, valueCount: number % 3 == 0 ? 3 : nil)
            let history = histories.atomic(shape)
            #expect(compare(history))
            guard let crooked = histories.crooked(history, shape) else { continue }
            counts[compare(crooked) ? 1 : 0] += 1
        }
        #expect(counts.allSatisfy { $0 > 500 }, "\(counts)")
    }
}
