import Environment
import Primitives
import Synchronization

/// A disk in memory that knows what was synchronized, and can crash and fail.
final class MemoryFileSystem: FileSystem {
    /// What a crash keeps of what was not synchronized.
    enum Crash: CaseIterable {
        case everything, nothing, prefix, sectors
    }

    enum Change {
        case write([UInt8], Int)
        case resize(Int)

        /// Makes the change, of a write only the first `byteCount` bytes.
        func apply(to content: inout [UInt8], byteCount: Int = .max) {
            switch self {
            case .write(let bytes, let offset):
                let kept = bytes.prefix(byteCount)
                let end = offset + kept.count
                if content.count < end {
                    content += [UInt8](repeating: 0, count: end - content.count)
                }
                content.replaceSubrange(offset..<end, with: kept)
            case .resize(let size):
                content = Array(content.prefix(size))
                content += [UInt8](repeating: 0, count: size - content.count)
            }
        }
    }

    struct Node {
        var durable: [UInt8] = []
        var current: [UInt8] = []
        var unsynchronized: [Change] = []

        mutating func change(_ change: Change) {
            change.apply(to: &current)
            unsynchronized.append(change)
        }
    }

    struct State {
        var nodes: [Int: Node] = [:]
        var durableNames: [String: Int] = [:]
        var names: [String: Int] = [:]
        var changesUntilFailure = Int.max
        var synchronizeFailure: Int32?
        var writes = 0
        var fileSynchronizations = 0
        var removed: [String] = []
        /// What all files may take together.
        var capacity = Int.max

        func requireRoom(
            for byteCount: Int, _ number: Int, _ operation: String, _ path: String
        ) throws(FileError) {
            guard capacity != .max, byteCount > nodes[number]!.current.count else { return }
            let used = names.values.reduce(0) { $0 + ($1 == number ? 0 : nodes[$1]!.current.count) }
            guard used + byteCount <= capacity else {
                throw FileError(operation: operation, path: path, code: 28, reason: "full")
            }
        }
    }

    let state = Mutex(State())

    /// Every change from the `count`-th on fails, as if the power was gone.
    func failChanges(after count: Int) { state.withLock { $0.changesUntilFailure = count } }
    func failSynchronize(code: Int32 = 5) { state.withLock { $0.synchronizeFailure = code } }
    func limit(to capacity: Int) { state.withLock { $0.capacity = capacity } }
    var usedByteCount: Int { contents.values.reduce(0) { $0 + $1.count } }
    func recoverSynchronize() { state.withLock { $0.synchronizeFailure = nil } }
    var writes: Int { state.withLock { $0.writes } }
    var fileSynchronizations: Int { state.withLock { $0.fileSynchronizations } }
    var removed: [String] { state.withLock { $0.removed } }

    /// The current content of every segment by its path.
    var segments: [String: [UInt8]] { contents.filter { $0.key.hasSuffix(".journal") } }

    /// Every file's current content by its path.
    var contents: [String: [UInt8]] {
        get { state.withLock { state in state.names.mapValues { state.nodes[$0]!.current } } }
        set {
            state.withLock { state in
                state = State()
                for (number, (name, bytes)) in newValue.sorted(by: { $0.key < $1.key }).enumerated()
                {
                    state.nodes[number] = Node(durable: bytes, current: bytes)
                    state.names[name] = number
                }
                state.durableNames = state.names
            }
        }
    }

    /// Power fails and comes back.
    func crash(_ crash: Crash, _ random: inout SeededRandom) {
        var random = random.split()
        state.withLock { state in
            state.changesUntilFailure = .max
            state.synchronizeFailure = nil
            for number in state.nodes.keys.sorted() {
                state.nodes[number]!.crash(crash, &random)
            }
            var names: [String: Int] = [:]
            for name in Set(state.names.keys).union(state.durableNames.keys).sorted() {
                let keepsNew =
                    switch crash {
                    case .everything: true
                    case .nothing: false
                    case .prefix, .sectors: random.chance(1, in: 2)
                    }
                names[name] = keepsNew ? state.names[name] : state.durableNames[name]
            }
            state.names = names
            state.durableNames = names
        }
    }

    fileprivate func change<Output>(
        _ operation: String, _ path: String, _ body: (inout State) -> Output
    ) throws(FileError) -> Output {
        try state.withLock { state throws(FileError) in
            let failure = operation == "fdatasync" ? state.synchronizeFailure : nil
            guard state.changesUntilFailure > 0, failure == nil else {
                throw FileError(
                    operation: operation, path: path, code: failure ?? 5, reason: "planted")
            }
            if state.changesUntilFailure != .max { state.changesUntilFailure -= 1 }
            return body(&state)
        }
    }

    func createDirectory(_ path: String) throws(FileError) {}

    func list(_ path: String) throws(FileError) -> [String] {
        state.withLock { state in
            state.names.keys.filter { $0.hasPrefix(path + "/") }
                .map { String($0.dropFirst(path.count + 1)) }.sorted()
        }
    }

    func exists(_ path: String) -> Bool { state.withLock { $0.names[path] != nil } }

    func open(_ path: String, create: Bool) throws(FileError) -> any File {
        if let number = state.withLock({ $0.names[path] }) {
            return MemoryFile(self, number, path)
        }
        guard create else {
            throw FileError(operation: "open", path: path, code: 2, reason: "no such file")
        }
        let number = try change("open", path) { state in
            let number = state.nodes.count
            state.nodes[number] = Node()
            state.names[path] = number
            return number
        }
        return MemoryFile(self, number, path)
    }

    func rename(_ path: String, to newPath: String) throws(FileError) {
        try change("rename", path) { $0.names[newPath] = $0.names.removeValue(forKey: path) }
    }

    func remove(_ path: String) throws(FileError) {
        try change("unlink", path) { state in
            state.names[path] = nil
            state.removed.append(path)
        }
    }

    func synchronizeDirectory(_ path: String) throws(FileError) {
        try change("fsync", path) { $0.durableNames = $0.names }
    }
}

extension MemoryFileSystem.Node {
    fileprivate mutating func crash(
        _ crash: MemoryFileSystem.Crash, _ random: inout SeededRandom
    ) {
        switch crash {
        case .everything:
            durable = current
        case .nothing:
            break
        case .prefix:
            let count = Int.random(in: 0...unsynchronized.count, using: &random)
            for change in unsynchronized.prefix(count) { change.apply(to: &durable) }
            if count < unsynchronized.count, case .write(let bytes, _) = unsynchronized[count] {
                let byteCount = Int.random(in: 0...bytes.count, using: &random)
                unsynchronized[count].apply(to: &durable, byteCount: byteCount)
            }
        case .sectors:
            var mixed = random.chance(1, in: 2) ? durable : current
            let oneIn = UInt64.random(in: 2...8, using: &random)
            for start in stride(from: 0, to: mixed.count, by: 512) {
                let source = random.chance(1, in: oneIn) ? durable : current
                for place in start..<min(start + 512, mixed.count) {
                    mixed[place] = place < source.count ? source[place] : 0
                }
            }
            durable = mixed
        }
        current = durable
        unsynchronized = []
    }
}

extension SeededRandom {
    /// Another sequence, decided by this one.
    mutating func split() -> SeededRandom { SeededRandom(seed: next()) }
}

final class MemoryFile: File {
    private let disk: MemoryFileSystem
    private let number: Int
    private let path: String

    init(_ disk: MemoryFileSystem, _ number: Int, _ path: String) {
        self.disk = disk
        self.number = number
        self.path = path
    }

    private var content: [UInt8] { disk.state.withLock { $0.nodes[number]!.current } }

    func byteCount() throws(FileError) -> Int { content.count }

    func read(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        Array(content.dropFirst(offset).prefix(count))
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        try disk.state.withLock { state throws(FileError) in
            try state.requireRoom(for: offset + bytes.count, number, "pwrite", path)
        }
        do throws(FileError) {
            try disk.change("pwrite", path) { state in
                state.writes += 1
                state.nodes[number]!.change(.write(bytes, offset))
            }
        } catch {
            // The power failed during this write: some of it may have reached the disk.
            disk.state.withLock { $0.nodes[number]!.change(.write(bytes, offset)) }
            throw error
        }
    }

    func synchronize() throws(FileError) {
        try disk.change("fdatasync", path) { state in
            state.fileSynchronizations += 1
            state.nodes[number]!.durable = state.nodes[number]!.current
            state.nodes[number]!.unsynchronized = []
        }
    }

    func allocate(byteCount: Int) throws(FileError) {
        let size = max(content.count, byteCount)
        try disk.state.withLock { state throws(FileError) in
            try state.requireRoom(for: size, number, "posix_fallocate", path)
        }
        try disk.change("posix_fallocate", path) { $0.nodes[number]!.change(.resize(size)) }
    }

    func truncate(to byteCount: Int) throws(FileError) {
        try disk.change("ftruncate", path) { $0.nodes[number]!.change(.resize(byteCount)) }
    }

    func close() {}
}
