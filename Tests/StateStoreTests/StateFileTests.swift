import Glibc
import Primitives
import StateStore
import Testing

@Suite("Files and images")
struct StateFileTests {
    @Test("A store is there after it was closed and opened again")
    func reopen() throws {
        let folder = TemporaryFolder()
        let first = try StateStore.open(path: folder.state)
        try first.write([batch(7, term: 2, [row("a")])])
        try first.setFact("shard_count", [4])
        try first.close()

        let second = try StateStore.open(path: folder.state)
        #expect(try second.load([key("a")]) == [row("a")])
        #expect(try second.appliedState(of: GroupID(0)) == applied(7, term: 2))
        #expect(try second.fact("shard_count") == [4])
        try second.close()
    }

    @Test("A checkpoint brings all of it into the file itself and empties the log")
    func checkpoint() throws {
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        try store.write([batch(7, (0..<500).map { row("pi_\($0)") })])
        #expect(folder.byteCount("state.sqlite-wal") > 0)
        #expect(try store.checkpoint() == [GroupID(0): 7])
        #expect(folder.byteCount("state.sqlite-wal") == 0)

        // What a machine has after power loss at this point: the file, and no log.
        folder.write("copy.sqlite", folder.read("state.sqlite"))
        let copy = try StateStore.open(path: "\(folder.path)/copy.sqlite")
        #expect(try copy.appliedState(of: GroupID(0)) == applied(7))
        #expect(try copy.load((0..<500).map { key("pi_\($0)") }).count == 500)
        #expect(try copy.integrityCheck() == [])

        // The store goes on after it.
        #expect(try store.load([key("pi_1")]) == [row("pi_1")])
        try store.write([batch(8, [row("later")])])
        #expect(try store.load([key("later")]) == [row("later")])
        try store.close()
        try copy.close()
    }

    @Test("What was written is brought to the disk where there is one")
    func writeBack() throws {
        try StateStore.openInMemory().writeBack()
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        try store.write([batch(7, [row("a")])])
        try store.writeBack()
        // A log that cannot be opened is left to the checkpoint: no descriptor is free, or a name
        // leads to itself.
        let log = folder.state + "-wal"
        #expect(rename(log, log + ".away") == 0)
        #expect(symlink(log, log) == 0)
        try store.writeBack()
        unlink(log)
        #expect(rename(log + ".away", log) == 0)
        #expect(try store.checkpoint() == [GroupID(0): 7])
        try store.close()
    }

    @Test("A process that ends without closing loses nothing that was committed")
    func killed() throws {
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        _ = try store.checkpoint()
        try store.write([batch(1, [row("a")])])
        // The file and its log as the killed process leaves them; the -shm is made anew.
        folder.write("left.sqlite", folder.read("state.sqlite"))
        folder.write("left.sqlite-wal", folder.read("state.sqlite-wal"))
        let left = try StateStore.open(path: "\(folder.path)/left.sqlite")
        #expect(try left.load([key("a")]) == [row("a")])
        #expect(try left.appliedState(of: GroupID(0)) == applied(1))
        try left.close()
        try store.close()
    }

    @Test("The file and what SQLite makes beside it are for the owner only")
    func modes() throws {
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        try store.write([batch(1, [row("a")])])
        #expect(
            folder.names == ["state.sqlite", "state.sqlite-shm", "state.sqlite-wal"])
        for name in folder.names { #expect(folder.mode(name) == 0o600) }
        try store.close()

        folder.write("wide.sqlite", folder.read("state.sqlite"), mode: 0o644)
        let wide = try StateStore.open(path: "\(folder.path)/wide.sqlite")
        #expect(folder.mode("wide.sqlite") == 0o600)
        try wide.close()
    }

    @Test("A file of a later version is refused and left as it was")
    func newerSchema() throws {
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        try store.overwriteSchemaVersion(1_000)
        try store.close()
        let before = folder.read("state.sqlite")
        let refusal = StateStoreError.newerSchema(found: 1_000, supported: 3)
        #expect(throws: refusal) { try StateStore.open(path: folder.state) }
        #expect(throws: refusal) { try StateStore.openReadOnly(path: folder.state) }
        #expect(folder.read("state.sqlite") == before)
    }

    @Test("A file that is something else is refused and left as it was")
    func foreignFile() throws {
        let folder = TemporaryFolder()
        let noise = [UInt8](repeating: 0x41, count: 10_000)
        folder.write("state.sqlite", noise)
        #expect {
            try StateStore.open(path: folder.state)
        } throws: { error in
            guard case StateStoreError.corrupt = error else { return false }
            return true
        }
        #expect(folder.read("state.sqlite") == noise)
    }

    @Test("A path that cannot be opened is an open error that names it")
    func unopenable() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/none/state.sqlite"
        #expect(throws: StateStoreError.open(path: path, reason: "No such file or directory")) {
            try StateStore.open(path: path)
        }
        #expect {
            try StateStore.openReadOnly(path: folder.state)
        } throws: { error in
            guard case StateStoreError.open(folder.state, _) = error else { return false }
            return true
        }
        #expect(folder.names == [])
    }

    @Test("A damaged page is found, and reading it is an error and not a wrong row")
    func damagedPage() throws {
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        let rows = (0..<2_000).map { row("pi_\($0)", payload: [UInt8](repeating: 1, count: 200)) }
        try store.write([batch(1, rows)])
        try store.close()
        var bytes = folder.read("state.sqlite")
        // From the tenth page on: the header and the tables' roots stay, so that it opens.
        for offset in stride(from: 10 * 4_096, to: bytes.count, by: 4_096) {
            for index in 0..<64 { bytes[offset + index] = 0xEE }
        }
        folder.write("state.sqlite", bytes)
        let damaged = try StateStore.open(path: folder.state)
        #expect {
            if try !damaged.integrityCheck().isEmpty {
                throw StateStoreError.corrupt(operation: "found", code: 11)
            }
        } throws: { error in
            guard case StateStoreError.corrupt = error else { return false }
            return true
        }
        #expect {
            _ = try damaged.load(rows.map(\.key))
        } throws: { error in
            guard case StateStoreError.corrupt = error else { return false }
            return true
        }
        try damaged.close()
    }

    @Test("A full disk is said so, keeps nothing of the transaction, and the store goes on")
    func full() throws {
        let folder = TemporaryFolder()
        let store = try StateStore.open(path: folder.state)
        try store.write([batch(1, [row("a")])])
        try store.limitPageCount(40)
        let large = (0..<1_000).map {
            row("pi_\($0)", payload: [UInt8](repeating: 1, count: 1_000))
        }
        #expect(throws: StateStoreError.full(operation: "write batches")) {
            try store.write([batch(2, [row("a", version: 2)] + large)])
        }
        #expect(try store.load([key("a")]) == [row("a")])
        #expect(try store.appliedState(of: GroupID(0)) == applied(1))
        try store.write([batch(2, [row("b")])])
        #expect(try store.load([key("b")]) == [row("b")])
        try store.close()
    }

    @Test("A read-only store sees what a node writes meanwhile, and changes nothing itself")
    func readOnly() throws {
        let folder = TemporaryFolder()
        let node = try StateStore.open(path: folder.state)
        try node.write([batch(1, [row("a")])])
        let tool = try StateStore.openReadOnly(path: folder.state)
        #expect(try tool.load([key("a")]) == [row("a")])
        try node.write([batch(2, [row("b")])])
        #expect(try tool.load([key("b")]) == [row("b")])
        #expect(try tool.integrityCheck() == [])
        #expect(throws: StateStoreError.readOnly(operation: "write batches")) {
            try tool.write([batch(3)])
        }
        #expect(throws: StateStoreError.readOnly(operation: "checkpoint")) {
            try tool.checkpoint()
        }
        try tool.close()
        try node.close()
    }

    @Test("A closed store answers with an error")
    func closed() throws {
        let store = try StateStore.openInMemory()
        try store.close()
        #expect {
            try store.write([batch(1)])
        } throws: { error in
            guard case StateStoreError.io = error else { return false }
            return true
        }
    }

    @Test("No error's text says what a row holds")
    func errorTexts() throws {
        let store = try StateStore.openInMemory()
        try store.write([batch(5, [])])
        let secret = "pi_very_private"
        do throws(StateStoreError) {
            try store.write([batch(4, [row(secret, owner: secret)])])
            Issue.record("the batch was not refused")
        } catch {
            #expect(!"\(error)".contains(secret))
            #expect("\(error)" == "g0: applied 5 of term 1 is stored, 4 of term 1 was offered")
        }
    }
}
