/// Lines of scripts and outputs, and how they are written and compared.
enum ScriptText {
    static let dashes = "----"

    /// The lines of a text, blanks at their ends taken off; a last newline begins no line.
    static func lines(_ text: String) -> [String] {
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { withoutBlankEnd(Substring($0)) }
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    /// The lines of an output as it stands in a script.
    static func output(_ text: String) -> [String] {
        withoutBlankEnd(lines(text))
    }

    static func withoutBlankEnd(_ lines: [String]) -> [String] {
        let last = lines.lastIndex { !$0.isEmpty }
        return last.map { Array(lines[...$0]) } ?? []
    }

    static func withoutBlanks(_ text: Substring) -> String {
        withoutBlankEnd(text.drop { $0.isWhitespace })
    }

    private static func withoutBlankEnd(_ text: Substring) -> String {
        let last = text.lastIndex { !$0.isWhitespace }
        return last.map { String(text[...$0]) } ?? ""
    }

    /// The text of a script. A step ends with one blank line; the file ends without one.
    static func render(_ parts: [ScriptPart]) -> String {
        var lines: [String] = []
        for part in parts {
            switch part {
            case .remark(let line): lines.append(line)
            case .step(let step):
                lines += [step.text] + step.command.input + [dashes]
                let isFenced = step.output.contains("")
                if isFenced { lines.append(dashes) }
                lines += step.output
                if isFenced { lines += [dashes, dashes] }
                lines.append("")
            }
        }
        return withoutBlankEnd(lines).map { $0 + "\n" }.joined()
    }

    /// So many equal lines are shown on each side of a difference.
    private static let contextCount = 2
    /// A longer difference is read in the file, after recording.
    private static let shownMax = 60

    /// The lines taken away (`-`) and added (`+`), with a few equal ones around them.
    static func difference(from recorded: [String], to actual: [String]) -> String {
        let change = actual.difference(from: recorded)
        var removed = Set<Int>()
        var inserted = Set<Int>()
        for case .remove(let offset, _, _) in change { removed.insert(offset) }
        for case .insert(let offset, _, _) in change { inserted.insert(offset) }
        var rows: [(mark: Character, text: String)] = []
        var old = 0
        var new = 0
        while old < recorded.count || new < actual.count {
            if removed.contains(old) {
                rows.append(("-", recorded[old]))
                old += 1
            } else if inserted.contains(new) {
                rows.append(("+", actual[new]))
                new += 1
            } else {
                rows.append((" ", recorded[old]))
                old += 1
                new += 1
            }
        }
        return shown(rows)
    }

    private static func shown(_ rows: [(mark: Character, text: String)]) -> String {
        var lines: [String] = []
        var isSkipping = false
        for index in rows.indices {
            let near = max(0, index - contextCount)...min(rows.count - 1, index + contextCount)
            if rows[near].contains(where: { $0.mark != " " }) {
                lines.append("  \(rows[index].mark) \(rows[index].text)")
                isSkipping = false
            } else if !isSkipping {
                lines.append("    …")
                isSkipping = true
            }
        }
        guard lines.count > shownMax else { return lines.joined(separator: "\n") }
        let rest = "    … and \(lines.count - shownMax) more lines"
        return (lines.prefix(shownMax) + [rest]).joined(separator: "\n")
    }
}
