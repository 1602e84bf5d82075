/// A piece of a script, kept so that rewriting it changes outputs and nothing else.
enum ScriptPart {
    /// A comment or a blank line.
    case remark(String)
    case step(ScriptStep)
}

/// A command and what was recorded for it.
struct ScriptStep {
    let command: ScriptCommand
    /// The command's line as it was written.
    let text: String
    var output: [String]
}

/// Reads the text of a script.
struct ScriptParser {
    private let path: String
    private let lines: [String]
    private var position = 0

    static func parse(_ text: String, path: String) throws(ScriptError) -> [ScriptPart] {
        var parser = ScriptParser(path: path, lines: ScriptText.lines(text))
        var parts: [ScriptPart] = []
        while let line = parser.next() {
            let isRemark = line.isEmpty || line.hasPrefix("#")
            parts.append(isRemark ? .remark(line) : .step(try parser.step(line)))
        }
        return parts
    }

    private init(path: String, lines: [String]) {
        self.path = path
        self.lines = lines
    }

    private mutating func next() -> String? {
        guard position < lines.count else { return nil }
        defer { position += 1 }
        return lines[position]
    }

    /// The number of the line that was read last.
    private var line: Int { position }

    private mutating func step(_ text: String) throws(ScriptError) -> ScriptStep {
        let start = line
        var input: [String] = []
        while true {
            guard let line = next(), !line.isEmpty else {
                throw error("no \(ScriptText.dashes) after the command", at: start)
            }
            guard line != ScriptText.dashes else { break }
            input.append(line)
        }
        let (name, arguments) = try words(text, at: start)
        let command = ScriptCommand(
            line: start, name: name, arguments: arguments, input: input, path: path)
        return ScriptStep(command: command, text: text, output: try output())
    }

    private mutating func output() throws(ScriptError) -> [String] {
        let start = line
        var output: [String] = []
        guard position < lines.count, lines[position] == ScriptText.dashes else {
            // The blank line belongs to the step and is written again after its output.
            while let line = next(), !line.isEmpty {
                guard line != ScriptText.dashes else {
                    throw error("dashes where no blank line ended the output", at: self.line)
                }
                output.append(line)
            }
            return output
        }
        _ = next()
        while true {
            guard let line = next() else {
                throw error(
                    "the output is opened by two \(ScriptText.dashes) and has no end",
                    at: start)
            }
            if line == ScriptText.dashes { break }
            output.append(line)
        }
        guard next() == ScriptText.dashes else {
            throw error("one line of dashes within an output; two end it", at: line)
        }
        guard next()?.isEmpty ?? true else {
            throw error("no blank line after the output", at: line)
        }
        return ScriptText.withoutBlankEnd(output)
    }

    private func words(
        _ text: String, at line: Int
    ) throws(ScriptError) -> (name: String, arguments: [ScriptArgument]) {
        var rest = text[...]
        var words: [Substring] = []
        while let start = rest.firstIndex(where: { $0 != " " && $0 != "\t" }) {
            rest = rest[start...]
            var isInside = false
            let end = rest.firstIndex { character in
                if character == "(" { isInside = true }
                if character == ")" { isInside = false }
                return !isInside && (character == " " || character == "\t")
            }
            words.append(rest[..<(end ?? rest.endIndex)])
            rest = rest[(end ?? rest.endIndex)...]
        }
        guard let name = words.first, !name.contains(where: { "=()".contains($0) }) else {
            throw error("a command begins with its name", at: line)
        }
        var arguments: [ScriptArgument] = []
        var keys: [String] = []
        for word in words.dropFirst() {
            let argument = try argument(word, at: line)
            if case .keyed(let key, _) = argument {
                guard !keys.contains(key) else { throw error("\(key)= stands twice", at: line) }
                keys.append(key)
            }
            arguments.append(argument)
        }
        return (String(name), arguments)
    }

    private func argument(_ word: Substring, at line: Int) throws(ScriptError) -> ScriptArgument {
        guard let sign = word.firstIndex(of: "=") else {
            guard !word.contains(where: { "()".contains($0) }) else {
                throw error("\(word): parentheses stand after a key and =", at: line)
            }
            return .positional(String(word))
        }
        let key = String(word[..<sign])
        var text = word[word.index(after: sign)...]
        guard !key.isEmpty, !key.contains(where: { "()".contains($0) }) else {
            throw error("\(word): no key before =", at: line)
        }
        let isList = text.first == "("
        if isList {
            guard text.last == ")" else { throw error("\(word): no ) at the end", at: line) }
            text = text.dropFirst().dropLast()
        }
        guard !text.contains(where: { "()".contains($0) }) else {
            throw error("\(word): parentheses within a value", at: line)
        }
        guard isList else {
            guard !text.isEmpty else { throw error("\(word): no value after =", at: line) }
            return .keyed(key, values: [String(text)])
        }
        let isEmpty = text.allSatisfy { $0 == " " || $0 == "\t" }
        guard !isEmpty else { return .keyed(key, values: []) }
        let values = text.split(separator: ",", omittingEmptySubsequences: false)
            .map { ScriptText.withoutBlanks($0) }
        guard !values.contains("") else { throw error("\(word): an empty value", at: line) }
        return .keyed(key, values: values)
    }

    private func error(_ reason: String, at line: Int) -> ScriptError {
        ScriptError(path: path, line: line, reason: reason)
    }
}
