/// Each check reads text and says what is wrong with it, one line for each finding, so that it can
/// be held against the repository and against a violation planted on purpose.
enum Checks {
    static func imports(_ file: SourceFile, rooms: [String: Room]) -> [String] {
        guard let name = file.room, file.has(".swift") else { return [] }
        guard let room = rooms[name] else { return ["\(file.path): no room \(name) in the table"] }
        return SwiftText(file.text).imports.compactMap { module, line in
            room.imports.contains(module) || room.system.contains(module)
                ? nil : "\(file.path):\(line): \(name) may not import \(module)"
        }
    }

    /// Names that reach for a clock, chance or a thread of the machine, where all three are passed
    /// in.
    static func bannedNames(_ file: SourceFile, rooms: [String: Room]) -> [String] {
        guard let room = file.room.flatMap({ rooms[$0] }), file.has(".swift") else { return [] }
        switch room.kind {
        case .foreign, .io, .edge: return []
        case .pure, .roles, .meeting: break
        }
        let text = SwiftText(file.text)
        let names = [
            "Task.sleep", "Task.yield", "Task.detached", "ContinuousClock", "SuspendingClock",
            "Date(", "UUID(", "SystemRandomNumberGenerator", "DispatchQueue",
        ]
        let uses = names.flatMap { name in text.uses(of: name).map { (name, $0) } }
        let calls = [".random(", ".shuffled(", ".randomElement("].flatMap { opening in
            text.callsWithoutGenerator(opening).map { (opening, $0) }
        }
        return (uses + calls).map { name, line in "\(file.path):\(line): \(name)" }
    }

    /// Lines of more than 100 columns; rows of tables and addresses in Markdown cannot be broken.
    static func lineLengths(_ file: SourceFile) -> [String] {
        guard file.has(".swift", ".md", ".py") else { return [] }
        return file.lines.enumerated().compactMap { index, line in
            guard line.count > 100 else { return nil }
            let isUnbreakable = line.hasPrefix("|") || line.contains("://")
            return file.has(".md") && isUnbreakable
                ? nil : "\(file.path):\(index + 1): \(line.count) columns"
        }
    }

    /// Words that take a promise from the compiler and ask the reader for a proof.
    static func unproven(_ file: SourceFile, rooms: [String: Room]) -> [String] {
        guard file.has(".swift") else { return [] }
        let text = SwiftText(file.text)
        let hasStrictMemory = file.room.flatMap { rooms[$0]?.hasStrictMemory } ?? false
        return text.code.enumerated().compactMap { index, line in
            let marks = line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)")
            let isUnsafe =
                !hasStrictMemory && line.contains("unsafe")
                && line.contains(/(^|[^\w(@.])unsafe\s+\w/)
            guard marks || isUnsafe else { return nil }
            let isProven = text.comment(above: index).lowercased().contains("proof")
            return isProven ? nil : "\(file.path):\(index + 1): no proof above"
        }
    }

    static func links(_ file: SourceFile, exists: (String) -> Bool) -> [String] {
        guard file.has(".md") else { return [] }
        let folder = file.path.split(separator: "/").dropLast().map(String.init)
        var isFenced = false
        return file.lines.enumerated().flatMap { index, line in
            if line.hasPrefix("```") { isFenced.toggle() }
            guard !isFenced else { return [String]() }
            return line.matches(of: /\]\(([^)\s]+)[^)]*\)/).compactMap { match in
                let target = match.1.prefix { $0 != "#" }
                guard !target.isEmpty, !target.contains("://"), !target.hasPrefix("mailto:") else {
                    return nil
                }
                let path = resolve(String(target), in: folder)
                return path.map(exists) == true
                    ? nil : "\(file.path):\(index + 1): no \(target)"
            }
        }
    }

    /// A relative path from the root; nil when it leads out of the repository.
    private static func resolve(_ target: String, in folder: [String]) -> String? {
        var parts = target.hasPrefix("/") ? [] : folder
        for part in target.split(separator: "/") where part != "." {
            guard part == ".." else {
                parts.append(String(part))
                continue
            }
            guard parts.popLast() != nil else { return nil }
        }
        return parts.joined(separator: "/")
    }

    /// Names of unfinished work and of places outside the repository. They are put together here,
    /// so that this file does not hold them.
    static func forbiddenNames(_ file: SourceFile) -> [String] {
        let words = ["to" + "do", "fix" + "me"]
        let parts = ["/wo" + "rk/", "help" + "er-", "../sha" + "red", "desi" + "gn.md"]
        return file.lines.enumerated().flatMap { index, line in
            let lowered = line.lowercased()
            let found =
                parts.filter { lowered.contains($0) }
                + words.filter { word in
                    lowered.split { !$0.isLetter && $0 != "_" }.contains { $0 == word }
                }
            return found.map { "\(file.path):\(index + 1): \($0)" }
        }
    }

    /// Files of `Sources` that no longer fit a reader's head.
    static func fileLengths(_ file: SourceFile) -> [String] {
        guard file.room != nil else { return [] }
        let count = file.text.count { $0 == "\n" }
        return count > 600 ? ["\(file.path): \(count) lines"] : []
    }

    /// Products of the build that were committed.
    static func trackedProducts(_ paths: [String]) -> [String] {
        paths.filter { path in
            path.split(separator: "/").contains {
                $0 == "Package.resolved" || $0.hasPrefix(".build")
            }
        }
    }

    /// Where `Package.swift` and the table differ.
    static func manifest(_ manifest: Manifest, rooms: [String: Room]) -> [String] {
        Set(manifest.dependencies.keys).union(rooms.keys).sorted().flatMap { name in
            let declared = manifest.dependencies[name]
            let allowed = rooms[name]?.imports
            if declared == nil { return ["\(name) is in the table and not in Package.swift"] }
            guard let declared, let allowed else {
                return ["\(name) is in Package.swift and not in the table"]
            }
            return declared.subtracting(allowed).sorted().map { "\(name) declares \($0)" }
                + allowed.subtracting(declared).sorted().map { "\(name) does not declare \($0)" }
        }
    }
}
