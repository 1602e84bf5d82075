/// Swift source with its comments and the insides of its one-line string literals blanked, line by
/// line, so that a name in prose is not taken for a use of it.
struct SwiftText {
    /// The code of each line; what was blanked is left out.
    let code: [String]
    /// The comment of each line, with its slashes; empty where there is none.
    let comments: [String]

    init(_ text: String) {
        var code: [String] = []
        var comments: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let (kept, comment) = Self.split(line)
            code.append(kept)
            comments.append(comment)
        }
        self.code = code
        self.comments = comments
    }

    private static func split(_ line: Substring) -> (code: String, comment: String) {
        var code = ""
        var isInString = false
        var rest = line[...]
        while let character = rest.first {
            if isInString {
                rest.removeFirst()
                if character == "\\", !rest.isEmpty {
                    rest.removeFirst()
                } else if character == "\"" {
                    isInString = false
                    code.append(character)
                }
            } else if rest.hasPrefix("//") {
                return (code, String(rest))
            } else {
                rest.removeFirst()
                if character == "\"" { isInString = true }
                code.append(character)
            }
        }
        return (code, "")
    }

    /// The modules that are imported, each with its line, counted from 1.
    var imports: [(module: String, line: Int)] {
        let pattern =
            #/
            ^\s* (?:@\w+(?:\([^)]*\))?\s+)*
            (?:(?:public|package|internal|fileprivate|private)\s+)?
            import\s+
            (?:(?:struct|class|enum|protocol|typealias|func|let|var|actor)\s+)?
            (\w+)
            /#
        return code.enumerated().compactMap { index, line in
            guard line.contains("import"), let match = try? pattern.prefixMatch(in: line) else {
                return nil
            }
            return (String(match.1), index + 1)
        }
    }

    /// The comment that stands right above a line, attributes between them allowed.
    func comment(above index: Int) -> String {
        var found: [String] = []
        for above in stride(from: index - 1, through: 0, by: -1) {
            let code = code[above].drop { $0 == " " }
            if code.isEmpty, !comments[above].isEmpty {
                found.append(comments[above])
            } else if !code.hasPrefix("@") {
                break
            }
        }
        return found.reversed().joined(separator: " ")
    }

    /// The lines at which `name` is used as a whole word, counted from 1.
    func uses(of name: String) -> [Int] {
        code.enumerated().compactMap { index, line in
            line.ranges(of: name).contains { range in
                let before = line[..<range.lowerBound].last
                let after = line[range.upperBound...].first
                return !isWord(before) && !(isWord(name.last) && isWord(after))
            } ? index + 1 : nil
        }
    }

    /// The lines at which a call that starts with `opening` names no source of chance, with
    /// `using:` or, as ours do, `from:`; over as many lines as the call takes.
    func callsWithoutGenerator(_ opening: String) -> [Int] {
        code.enumerated().flatMap { index, line in
            line.ranges(of: opening).compactMap { range in
                let start = line[range.lowerBound...]
                let call = arguments(of: String(start), goingOnAfter: index)
                return call.contains("using:") || call.contains("from:") ? nil : index + 1
            }
        }
    }

    private func arguments(of start: String, goingOnAfter index: Int) -> String {
        // A call in a formatted file does not go on for more lines than a function has.
        let text = ([start] + code[(index + 1)...].prefix(70)).joined(separator: "\n")
        var depth = 0
        for place in text.indices {
            if text[place] == "(" { depth += 1 }
            guard text[place] == ")" else { continue }
            depth -= 1
            if depth == 0 { return String(text[...place]) }
        }
        return text
    }

    private func isWord(_ character: Character?) -> Bool {
        character.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
    }
}
