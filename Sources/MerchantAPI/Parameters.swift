package import Primitives

/// The parameters of a request: flat, sorted by name, each name once.
///
/// Reading a parameter marks it; `finish` refuses what nobody read, so that nothing a caller sends
/// is silently ignored. Values hold card numbers: they show neither in descriptions nor mirrors.
package struct Parameters: Sendable, CustomStringConvertible, CustomReflectable {
    /// One leaf, as `["card", "exp_month"]` and its text.
    package struct Entry: Sendable, CustomStringConvertible, CustomReflectable {
        package let path: [String]
        /// The path in bracket form.
        package let name: String
        /// Empty for a secret.
        package let value: String
        /// The value of a parameter that holds card data, and never becomes text.
        package let secret: SensitiveBytes?

        package init(path: [String], value: String) {
            self.path = path
            name = Parameters.name(of: path)
            self.value = value
            secret = nil
        }

        package init(path: [String], secret: SensitiveBytes) {
            self.path = path
            name = Parameters.name(of: path)
            value = ""
            self.secret = secret
        }

        package var description: String { "a parameter" }
        package var customMirror: Mirror { Mirror(self, children: [:]) }
    }

    /// Sorted by path.
    package let entries: [Entry]
    private let places: [String: Int]
    private var isRead: [Bool]

    /// No parameters.
    package init() {
        entries = []
        places = [:]
        isRead = []
    }

    /// Sorts, and refuses a name that comes twice or that is both a value and a group.
    package init(_ unsorted: [Entry]) throws(APIError) {
        entries = unsorted.sorted { $0.path.lexicographicallyPrecedes($1.path) }
        for (entry, next) in zip(entries, entries.dropFirst()) {
            // Everything below a path sorts right behind it.
            guard !next.path.starts(with: entry.path) else {
                let name = APIError.shown(entry.name)
                let reason =
                    entry.path == next.path
                    ? "given more than once" : "given both as a value and as a group"
                throw .invalid("The parameter \(name) is \(reason).", param: name)
            }
        }
        var places: [String: Int] = [:]
        for (place, entry) in entries.enumerated() { places[entry.name] = place }
        self.places = places
        isRead = [Bool](repeating: false, count: entries.count)
    }

    package static func name(of path: [String]) -> String {
        path.dropFirst().reduce(path.first ?? "") { "\($0)[\($1)]" }
    }

    package var description: String { "\(entries.count) parameters" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// The text of a parameter, which may be empty; nil when it was not sent.
    mutating func take(_ name: String) throws(APIError) -> String? {
        guard let place = places[name] else {
            guard !hasGroup(name) else {
                throw .invalid("Invalid value for \(name): it must be a single value.", param: name)
            }
            return nil
        }
        isRead[place] = true
        return entries[place].value
    }

    /// The bytes of a parameter that holds card data, at least one; nil when it was not sent.
    mutating func takeSecret(_ name: String) throws(APIError) -> SensitiveBytes? {
        guard try take(name) != nil, let secret = places[name].flatMap({ entries[$0].secret })
        else { return nil }
        guard !secret.isEmpty else { throw .empty(name) }
        return secret
    }

    /// Overwrites what held card data. Nothing of it is read from the parameters any more.
    package func wipeSecrets() {
        for entry in entries { entry.secret?.wipe() }
    }

    /// True when the parameter itself was sent, with or without text.
    func has(_ name: String) -> Bool { places[name] != nil }

    /// True when something like `name[…]` was sent. A value in the place of the group is refused.
    mutating func group(_ name: String) throws(APIError) -> Bool {
        if let place = places[name] {
            // An empty text stands for an empty group, as form encoders write it.
            guard entries[place].value.isEmpty else {
                throw .invalid("Invalid object", param: name)
            }
            isRead[place] = true
            return false
        }
        return hasGroup(name)
    }

    /// The leaves right below `name`, in order of their last segment.
    mutating func takeMembers(of name: String) throws(APIError) -> [(key: String, value: String)] {
        guard try group(name) else { return [] }
        var members: [(key: String, value: String)] = []
        let depth = name.utf8.count(where: { $0 == UInt8(ascii: "[") }) + 1
        for (place, entry) in entries.enumerated() where isBelow(entry, name) {
            guard entry.path.count == depth + 1 else {
                throw .invalid(
                    "Invalid value for \(name): its members must be single values.", param: name)
            }
            isRead[place] = true
            members.append((entry.path[depth], entry.value))
        }
        return members
    }

    /// The elements of an array in the order of their indexes.
    mutating func takeArray(_ name: String) throws(APIError) -> [String] {
        var elements: [(index: Int, value: String)] = []
        for (key, value) in try takeMembers(of: name) {
            guard let index = Int(key), index >= 0 else {
                throw .invalid("Invalid array", param: name)
            }
            elements.append((index, value))
        }
        return elements.sorted { $0.index < $1.index }.map(\.value)
    }

    /// Refuses the first parameter that nobody read. Those in `unsupported` exist in the API, and
    /// are refused as what this gateway does not do.
    func finish(unsupported: [String] = []) throws(APIError) {
        guard let place = isRead.firstIndex(of: false) else { return }
        let entry = entries[place]
        let name = APIError.shown(entry.name)
        let root = entry.path[0]
        guard unsupported.contains(root) || unsupported.contains(entry.name) else {
            throw .invalid(
                "Received unknown parameter: \(name)", code: "parameter_unknown", param: name)
        }
        let refused = unsupported.contains(root) ? root : name
        throw .unsupported(refused)
    }

    private func hasGroup(_ name: String) -> Bool {
        entries.contains { isBelow($0, name) }
    }

    private func isBelow(_ entry: Entry, _ name: String) -> Bool {
        // On bytes: text would compare what looks alike, and a mark can change what `[` looks like.
        entry.name.utf8.starts(with: "\(name)[".utf8)
    }
}

extension APIError {
    /// A parameter of the public API that would change money or ownership if it were obeyed.
    static func unsupported(_ name: String) -> APIError {
        invalid(
            "Received a parameter that is not supported by this gateway yet: \(name)",
            code: "parameter_unknown", param: name)
    }
}
