import Environment
import Glibc
import Journal
import Primitives
import Testing

@Suite("The machine's disk")
final class PosixFileSystemTests {
    let disk = PosixFileSystem()
    let folder: String

    init() throws {
        var template = Array("/tmp/journal-tests-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            mkdtemp(buffer.baseAddress!).map { String(cString: $0) }
        }
        folder = try #require(made)
    }

    deinit { Self.removeAll(folder) }

    private static func removeAll(_ path: String) {
        let disk = PosixFileSystem()
        for name in (try? disk.list(path)) ?? [] {
            let inner = path + "/" + name
            if unlink(inner) != 0 { removeAll(inner) }
        }
        rmdir(path)
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test("files read back what was written, also behind their end")
    func readsAndWrites() throws {
        let file = try disk.open(folder + "/a", create: true)
        #expect(try file.byteCount() == 0)
        try file.write([1, 2, 3], at: 2)
        try file.write([9], at: 3)
        try file.synchronize()
        #expect(try file.byteCount() == 5)
        #expect(try file.read(at: 0, count: 100) == [0, 0, 1, 9, 3])
        #expect(try file.read(at: 3, count: 1) == [9])
        #expect(try file.read(at: 50, count: 10) == [])
        #expect(try file.read(at: 0, count: .max).count == 5)
        try file.truncate(to: 3)
        try file.allocate(byteCount: 6)
        #expect(try file.read(at: 0, count: 9) == [0, 0, 1, 0, 0, 0])
        try file.allocate(byteCount: 2)
        #expect(try file.byteCount() == 6)
        try file.write([], at: 100)
        #expect(try file.byteCount() == 6)
    }

    @Test("files and folders are their owner's alone")
    func modes() throws {
        try disk.createDirectory(folder + "/x/y")
        try disk.createDirectory(folder + "/x/y")
        _ = try disk.open(folder + "/x/y/file", create: true)
        #expect(mode(folder + "/x") == 0o700)
        #expect(mode(folder + "/x/y") == 0o700)
        #expect(mode(folder + "/x/y/file") == 0o600)
    }

    @Test("names are listed in order, renamed and removed")
    func names() throws {
        for name in ["b", "c", "a"] { _ = try disk.open(folder + "/" + name, create: true) }
        #expect(try disk.list(folder) == ["a", "b", "c"])
        try disk.rename(folder + "/a", to: folder + "/z")
        try disk.remove(folder + "/b")
        try disk.synchronizeDirectory(folder)
        #expect(try disk.list(folder) == ["c", "z"])
        #expect(disk.exists(folder + "/z"))
        #expect(!disk.exists(folder + "/a"))
    }

    @Test("errors carry the call, the path and the system's words")
    func errors() throws {
        let path = folder + "/absent"
        let expected = FileError(
            operation: "open", path: path, code: ENOENT, reason: "No such file or directory")
        #expect(throws: expected) { _ = try disk.open(path, create: false) }
        #expect(throws: FileError.self) { try disk.list(path) }
        #expect(throws: FileError.self) { try disk.remove(path) }
        #expect(throws: FileError.self) { try disk.rename(path, to: folder + "/b") }
        #expect(throws: FileError.self) { try disk.synchronizeDirectory(path) }
        let file = try disk.open(folder + "/file", create: true)
        #expect(throws: FileError.self) { try disk.createDirectory(folder + "/file") }
        #expect(throws: FileError.self) { try disk.createDirectory(folder + "/file/below") }
        file.close()
        file.close()
        #expect(throws: FileError.self) { try file.write([1], at: 0) }
        #expect(throws: FileError.self) { try file.synchronize() }
    }

    @Test("the journal works on it")
    func journal() throws {
        let directory = folder + "/node/journal"
        let group = GroupID(1)
        let life = try Life(disk, segmentByteCount: 32768, directory: directory)
        for index in LogIndex(1)...30 { life.commit(group, entries(index...index)) }
        life.journal.compact(group, upTo: 25, term: 1) {}
        life.settle()
        #expect(life.halt.reasons == [])
        #expect(life.journal.counters.segmentsRemoved > 1)
        let next = try Life(disk, segmentByteCount: 32768, directory: directory)
        #expect(next.recovered.groups[group]?.entries == entries(26...30))
    }
}
