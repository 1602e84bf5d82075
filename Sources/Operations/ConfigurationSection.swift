import Yams

/// One mapping of a configuration file.
///
/// It is made with the keys that it may have, so that a key that nobody would read is refused with
/// its line before anything is read. Scalars are read as they are written, without YAML's guesses:
/// a node named `no` is named `no`.
struct ConfigurationSection {
    private let values: [(key: String, value: Yams.Node)]
    private let file: String
    /// The keys that lead here, with a dot between: empty at the top.
    private let path: String
    private let line: Int?

    /// Reads a file's text, whose top must be a mapping.
    init(file: String, text: String, keys: [String]) throws(CommandFailure) {
        let root: Yams.Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Self.notYAML(file, error)
        }
        guard let root else {
            throw CommandFailure(
                .badConfiguration, "the file is empty", at: file,
                remedy: "begin with ClusterConfigs/single.yaml, which explains every key")
        }
        try self.init(root, file: file, path: "", keys: keys)
    }

    private init(
        _ node: Yams.Node, file: String, path: String, keys: [String]
    ) throws(CommandFailure) {
        self.file = file
        self.path = path
        line = node.mark?.line
        guard let mapping = node.mapping else {
            throw CommandFailure(
                .badConfiguration, "\(path.isEmpty ? "the file" : path) must be a mapping",
                at: Self.place(file, line),
                remedy: "write its keys below it: \(keys.joined(separator: ", "))")
        }
        var values: [(key: String, value: Yams.Node)] = []
        for (keyNode, value) in mapping {
            let place = Self.place(file, keyNode.mark?.line)
            let key = keyNode.scalar?.string ?? "?"
            guard keys.contains(key) else {
                let nearest = Spelling.nearest(to: key, among: keys)
                throw CommandFailure(
                    .badConfiguration, "unknown key \(Self.join(path, key))", at: place,
                    remedy: nearest.map { "did you mean \($0)?" }
                        ?? "the keys here are \(keys.joined(separator: ", "))")
            }
            values.append((key, value))
        }
        self.values = values
    }

    // MARK: What stands below a key

    func has(_ key: String) -> Bool { node(key) != nil }

    /// Whether what stands below a key has keys of its own.
    func isMapping(_ key: String) -> Bool { node(key)?.mapping != nil }

    /// The mapping below a key.
    func section(_ key: String, keys: [String]) throws(CommandFailure) -> ConfigurationSection {
        guard let node = node(key) else { throw missing(key) }
        return try ConfigurationSection(node, file: file, path: Self.join(path, key), keys: keys)
    }

    /// The list of mappings below a key.
    func sections(_ key: String, keys: [String]) throws(CommandFailure) -> [ConfigurationSection] {
        var sections: [ConfigurationSection] = []
        for (index, item) in try items(key).enumerated() {
            sections.append(
                try ConfigurationSection(
                    item, file: file, path: "\(Self.join(path, key))[\(index)]", keys: keys))
        }
        return sections
    }

    /// The list of words below a key, each read by `read`.
    func list<Value>(
        _ key: String, expecting what: String, _ read: (String) -> Value?
    ) throws(CommandFailure) -> [Value] {
        var list: [Value] = []
        for item in try items(key) {
            guard let text = item.scalar?.string, let value = read(text) else {
                throw wrong(key, item, expecting: what)
            }
            list.append(value)
        }
        return list
    }

    private func items(_ key: String) throws(CommandFailure) -> [Yams.Node] {
        guard let node = node(key) else { throw missing(key) }
        guard let sequence = node.sequence else { throw wrong(key, node, expecting: "a list") }
        return Array(sequence)
    }

    /// What stands at a key, read by `read`; `fallback` when the key is absent and there is one.
    func value<Value>(
        _ key: String, expecting what: String, else fallback: Value? = nil,
        _ read: (String) -> Value?
    ) throws(CommandFailure) -> Value {
        guard let node = node(key) else {
            guard let fallback else { throw missing(key) }
            return fallback
        }
        guard let text = node.scalar?.string, let value = read(text) else {
            throw wrong(key, node, expecting: what)
        }
        return value
    }

    /// Where a key stands, for what is found wrong later.
    func place(of key: String) -> String {
        Self.place(file, node(key)?.mark?.line ?? line)
    }

    func failure(_ key: String, _ what: String, remedy: String) -> CommandFailure {
        CommandFailure(
            .badConfiguration, "\(Self.join(path, key)): \(what)", at: place(of: key),
            remedy: remedy)
    }

    // MARK: Errors

    private func node(_ key: String) -> Yams.Node? {
        values.first { $0.key == key }?.value
    }

    private func missing(_ key: String) -> CommandFailure {
        CommandFailure(
            .badConfiguration, "\(Self.join(path, key)) is missing", at: Self.place(file, line),
            remedy: "add it; ClusterConfigs/single.yaml explains every key")
    }

    /// What stands there is not repeated: it might be a key that was put into the wrong place.
    private func wrong(
        _ key: String, _ node: Yams.Node, expecting what: String
    ) -> CommandFailure {
        CommandFailure(
            .badConfiguration, "\(Self.join(path, key)) must be \(what)",
            at: Self.place(file, node.mark?.line), remedy: "correct the value")
    }

    private static func notYAML(_ file: String, _ error: any Error) -> CommandFailure {
        let (line, problem): (Int?, String) =
            switch error as? YamlError {
            case .duplicatedKeysInMapping(let keys, let context):
                (context.mark.line, "a key stands twice: \(keys.first ?? "?")")
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                (mark.line, problem)
            default: (nil, "it cannot be read")
            }
        return CommandFailure(
            .badConfiguration, "this is not YAML: \(problem)", at: place(file, line),
            remedy: "look at the keys, the indentation and the quotes here and above")
    }

    private static func place(_ file: String, _ line: Int?) -> String {
        line.map { "\(file):\($0)" } ?? file
    }

    private static func join(_ path: String, _ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }
}
