/// What `Package.swift` declares, read from its text: the shapes are those that this package uses.
struct Manifest {
    /// The dependencies of each target of `Sources`, products by their module's name.
    let dependencies: [String: Set<String>]

    init(_ text: String) {
        let text = SwiftManifestText.withoutComments(text)
        var variables: [String: Set<String>] = [:]
        for match in text.matches(
            of: /let\s+(\w+):\s*Target\.Dependency\s*=\s*\.product\(\s*name:\s*"(\w+)"/)
        {
            variables[String(match.1)] = [String(match.2)]
        }
        for match in text.matches(
            of: /let\s+(\w+):\s*\[Target\.Dependency\]\s*=\s*\[([^\]]*)\]/)
        {
            variables[String(match.1)] = Self.products(in: String(match.2)).found
        }
        var dependencies: [String: Set<String>] = [:]
        guard let targets = text.firstRange(of: "targets: [\n") else {
            self.dependencies = [:]
            return
        }
        let body = text[targets.upperBound...]
        let opening = /(?:\n|\s)(room|\.executableTarget|\.target|\.systemLibrary)\(/
        for match in body.matches(of: opening) {
            let call = Self.call(String(body[match.range.upperBound...]))
            guard let name = call.firstMatch(of: /"(\w+)"/) else { continue }
            var rest = String(call[name.range.upperBound...])
            for end in ["settings:", "swiftSettings:", "pkgConfig:"] {
                if let range = rest.firstRange(of: end) { rest.removeSubrange(range.lowerBound...) }
            }
            let products = Self.products(in: rest)
            var names = products.found
            for literal in products.rest.matches(of: /"(\w+)"/) { names.insert(String(literal.1)) }
            for word in products.rest.replacing(/"\w+"/, with: "").matches(of: /\w+/) {
                names.formUnion(variables[String(word.0)] ?? [])
            }
            dependencies[String(name.1)] = names
        }
        self.dependencies = dependencies
    }

    private static func products(in text: String) -> (found: Set<String>, rest: String) {
        let product = /\.product\(\s*name:\s*"(\w+)"[^)]*\)/
        let found = text.matches(of: product).map { String($0.1) }
        return (Set(found), text.replacing(product, with: ""))
    }

    /// The text up to the parenthesis that closes the call.
    private static func call(_ text: String) -> String {
        var depth = 1
        for place in text.indices {
            if text[place] == "(" { depth += 1 }
            if text[place] == ")" { depth -= 1 }
            if depth == 0 { return String(text[..<place]) }
        }
        return text
    }
}

enum SwiftManifestText {
    /// Drops comments that have a line of their own or stand at a line's end after a blank.
    static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in
                guard let range = line.firstRange(of: /(^|\s)\/\/.*/) else { return String(line) }
                return String(line[..<range.lowerBound])
            }
            .joined(separator: "\n")
    }
}
