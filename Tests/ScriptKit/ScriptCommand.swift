/// One command of a script, with helpers that read its arguments and name the line when they
/// cannot.
package struct ScriptCommand: Hashable, Sendable {
    /// Where the command stands in its file; the first line is 1.
    package let line: Int
    package let name: String
    package let arguments: [ScriptArgument]
    /// The lines between the command and its dashes.
    package let input: [String]
    /// The script's file, for errors.
    package let path: String
}

/// A word after a command's name.
package enum ScriptArgument: Hashable, Sendable {
    case positional(String)
    /// `key=value` or `key=(value,value)`; `key=()` has no values.
    case keyed(String, values: [String])
}

/// Why a script could not be read or run, and where.
package struct ScriptError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    package let line: Int
    package let reason: String

    package var description: String { "\(path):\(line): \(reason)" }
}

extension ScriptCommand {
    /// The words without a key, in order.
    package var positionals: [String] {
        arguments.compactMap { argument in
            guard case .positional(let text) = argument else { return nil }
            return text
        }
    }

    /// The keys, in order.
    package var keys: [String] {
        arguments.compactMap { argument in
            guard case .keyed(let key, _) = argument else { return nil }
            return key
        }
    }

    /// The word at `index` among those without a key.
    package func positional(_ index: Int) throws(ScriptError) -> String {
        let words = positionals
        guard words.indices.contains(index) else {
            throw error("there is no word \(index + 1) after the command")
        }
        return words[index]
    }

    /// The word at `index` among those without a key, as an integer.
    package func integer(at index: Int) throws(ScriptError) -> Int {
        try parse(try positional(index), "word \(index + 1)")
    }

    /// The word at `index` among those without a key, as an integer of any type.
    package func integer<Integer: FixedWidthInteger>(
        at index: Int
    ) throws(ScriptError) -> Integer {
        try parse(try positional(index), "word \(index + 1)")
    }

    /// True when the word stands there without a key, as `force` does in `transfer 2 force`.
    package func hasFlag(_ word: String) -> Bool {
        positionals.contains(word)
    }

    /// True when the key stands there, with whatever values.
    package func has(_ key: String) -> Bool {
        valuesIfPresent(key) != nil
    }

    /// The values of a key that has to be there.
    package func values(_ key: String) throws(ScriptError) -> [String] {
        guard let values = valuesIfPresent(key) else { throw error("\(key)= is missing") }
        return values
    }

    /// The values of a key, or `fallback` without it.
    package func values(_ key: String, default fallback: [String]) -> [String] {
        valuesIfPresent(key) ?? fallback
    }

    /// The one value of a key that has to be there.
    package func text(_ key: String) throws(ScriptError) -> String {
        let values = try values(key)
        guard values.count == 1 else { throw error("\(key)= has not exactly one value") }
        return values[0]
    }

    /// The one value of a key, or `fallback` without it.
    package func text(_ key: String, default fallback: String) throws(ScriptError) -> String {
        has(key) ? try text(key) : fallback
    }

    /// The one value of a key, as an integer.
    package func integer(_ key: String) throws(ScriptError) -> Int {
        try parse(try text(key), "\(key)=")
    }

    /// The one value of a key, as an integer of the type that is asked for.
    package func integer<Integer: FixedWidthInteger>(
        _ key: String
    ) throws(ScriptError) -> Integer {
        try parse(try text(key), "\(key)=")
    }

    /// The one value of a key as an integer, or `fallback` without it.
    package func integer<Integer: FixedWidthInteger>(
        _ key: String, default fallback: Integer
    ) throws(ScriptError) -> Integer {
        has(key) ? try parse(try text(key), "\(key)=") : fallback
    }

    /// The values of a key that has to be there, as integers.
    package func integers(_ key: String) throws(ScriptError) -> [Int] {
        try parseAll(try values(key), key)
    }

    /// The values of a key that has to be there, as integers of the type that is asked for.
    package func integers<Integer: FixedWidthInteger>(
        _ key: String
    ) throws(ScriptError) -> [Integer] {
        try parseAll(try values(key), key)
    }

    /// The values of a key as integers, or `fallback` without it.
    package func integers<Integer: FixedWidthInteger>(
        _ key: String, default fallback: [Integer]
    ) throws(ScriptError) -> [Integer] {
        has(key) ? try parseAll(try values(key), key) : fallback
    }

    /// Refuses a number of words outside `positionals` and keys that are not named, so that a
    /// misspelt argument is noticed and not just without effect.
    package func allow(
        positionals count: ClosedRange<Int> = 0...0, keys allowed: [String] = []
    ) throws(ScriptError) {
        guard count.contains(positionals.count) else {
            throw error(
                "\(positionals.count) words after the command, where \(count) are taken")
        }
        if let stranger = keys.first(where: { !allowed.contains($0) }) {
            throw error("\(stranger)= is no argument of \(name)")
        }
    }

    /// The error of a handler that does not know the command.
    package var unknown: ScriptError { error("there is no command \(name)") }

    /// An error at this command's line.
    package func error(_ reason: String) -> ScriptError {
        ScriptError(path: path, line: line, reason: reason)
    }

    private func valuesIfPresent(_ key: String) -> [String]? {
        for case .keyed(key, let values) in arguments { return values }
        return nil
    }

    private func parse<Integer: FixedWidthInteger>(
        _ text: String, _ what: String
    ) throws(ScriptError) -> Integer {
        guard let value = Integer(text) else {
            throw error("\(what) is \(text), and no \(Integer.self)")
        }
        return value
    }

    private func parseAll<Integer: FixedWidthInteger>(
        _ texts: [String], _ key: String
    ) throws(ScriptError) -> [Integer] {
        var values: [Integer] = []
        for text in texts { values.append(try parse(text, "\(key)=")) }
        return values
    }
}
