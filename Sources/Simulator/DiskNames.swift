import Primitives

/// The tree of names of a disk: as programs see it, as it is on the medium, and what lies between.
struct DiskNames {
    enum Entry {
        case directory
        case file(DiskFile)
    }

    /// One operation: names that got an entry or lost theirs, together.
    private struct Change {
        let effects: [(path: String, entry: Entry?)]

        func touches(_ paths: Set<String>) -> Bool { effects.contains { paths.contains($0.path) } }

        func touches(directory: String) -> Bool {
            effects.contains { DiskNames.parent(of: $0.path) == directory }
        }
    }

    private(set) var current: [String: Entry] = ["/": .directory]
    private var durable: [String: Entry] = ["/": .directory]
    private var pending: [Change] = []

    mutating func apply(_ effects: [(path: String, entry: Entry?)]) {
        for effect in effects { current[effect.path] = effect.entry }
        pending.append(Change(effects: effects))
    }

    /// Makes a folder and the folders above it, durable at once: what was there before the run.
    mutating func prepareDirectory(_ path: String) {
        var path = path
        while path != "/" {
            current[path] = .directory
            durable[path] = .directory
            path = Self.parent(of: path)
        }
    }

    /// Makes the names of a folder durable. An earlier operation on a name of such an operation
    /// goes with it, so that it cannot come back after it.
    mutating func synchronize(directory: String) {
        var paths: Set<String> = []
        var isChosen = [Bool](repeating: false, count: pending.count)
        for index in pending.indices.reversed() {
            let change = pending[index]
            guard change.touches(directory: directory) || change.touches(paths) else { continue }
            isChosen[index] = true
            for effect in change.effects { paths.insert(effect.path) }
        }
        var rest: [Change] = []
        for (change, isChosen) in zip(pending, isChosen) {
            if isChosen { makeDurable(change) } else { rest.append(change) }
        }
        pending = rest
    }

    /// Of the operations that were not synced, each survives or not; what is in a folder that did
    /// not survive is lost with it.
    mutating func losePower(_ random: inout SeededRandom) {
        for change in pending where random.chance(1, in: 2) { makeDurable(change) }
        pending = []
        var isOrphanLeft = true
        while isOrphanLeft {
            let orphans = durable.keys.filter { path in
                if path == "/" { return false }
                guard case .directory? = durable[Self.parent(of: path)] else { return true }
                return false
            }
            for path in orphans { durable[path] = nil }
            isOrphanLeft = !orphans.isEmpty
        }
        current = durable
    }

    /// Every file that has a name, in the order of the names.
    func files() -> [DiskFile] {
        current.keys.sorted().compactMap { path in
            if case .file(let file)? = current[path] { return file }
            return nil
        }
    }

    func durableFile(_ path: String) -> DiskFile? {
        if case .file(let file)? = durable[path] { return file }
        return nil
    }

    /// Names directly in a folder, sorted.
    func list(_ directory: String) -> [String] {
        let prefix = directory == "/" ? "/" : directory + "/"
        return current.keys.filter { path in
            path != "/" && Self.parent(of: path) == directory
        }.map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    private mutating func makeDurable(_ change: Change) {
        for effect in change.effects { durable[effect.path] = effect.entry }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    /// One way to write a path: from the root, no empty or `.` parts. Simulated programs have the
    /// root as their working folder.
    static func normalized(_ path: String) -> String {
        "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
