import Environment
import Primitives
import Simulator
import Testing

@Suite struct DiskTests {
    /// Runs `body` with the files of a process that has a folder `/data`.
    private func withFiles(
        seed: UInt64 = 1,
        _ body: @escaping @Sendable (SimulatedProcess, SimulatedFileSystem) throws -> Void
    ) throws {
        try World.simulate(seed: seed) { world in
            let process = world.addProcess("a")
            process.disk.prepareDirectory("/data")
            process.start { incarnation in
                do {
                    try body(process, incarnation.files)
                } catch {
                    world.fail("\(error)")
                }
            }
            try world.runUntilIdle()
        }
    }

    @Test("what is written is read, beyond the end nothing, in a gap zeros")
    func readAndWrite() throws {
        try withFiles { process, files in
            let file = try files.open("/data/f", create: true)
            try file.write(pattern(10_000), at: 5000)
            let head = try file.read(at: 0, count: 5000)
            let body = try file.read(at: 5000, count: 20_000)
            let count = try file.byteCount()
            try file.truncate(to: 6000)
            try file.truncate(to: 7000)
            let tail = try file.read(at: 5990, count: 2000)
            try file.allocate(byteCount: 1 << 30)
            let end = try file.read(at: (1 << 30) - 3, count: 10)
            guard head == [UInt8](repeating: 0, count: 5000), body == pattern(10_000),
                count == 15_000, end == [0, 0, 0],
                tail == Array(pattern(1000)[990...]) + [UInt8](repeating: 0, count: 1000)
            else { return process.world.fail("read something else") }
            file.close()
            if (try? file.byteCount()) != nil { process.world.fail("closed file answers") }
        }
    }

    @Test("errors have the system's numbers")
    func errors() throws {
        let log = Log()
        try withFiles { process, files in
            func note(_ body: () throws -> Void) {
                do { try body() } catch { log.add("\(error)") }
            }
            note { _ = try files.open("/data/none", create: false) }
            note { _ = try files.open("/none/f", create: true) }
            note { _ = try files.open("/data", create: true) }
            note { try files.remove("/data/none") }
            note { try files.rename("/data/none", to: "/data/g") }
            _ = try files.open("/data/f", create: true)
            note { try files.createDirectory("/data/f/g") }
            note { try files.remove("/data") }
            process.disk.faults.isFull = true
            note { _ = try files.open("/data/new", create: true) }
            note { try files.open("/data/f", create: false).write([1], at: 0) }
        }
        #expect(
            log.lines == [
                "open /data/none: No such file or directory (errno 2)",
                "open /none: No such file or directory (errno 2)",
                "open /data: Is a directory (errno 21)",
                "unlink /data/none: No such file or directory (errno 2)",
                "rename /data/none: No such file or directory (errno 2)",
                "mkdir /data/f/g: Not a directory (errno 20)",
                "rmdir /data: Directory not empty (errno 39)",
                "open /data/new: No space left on device (errno 28)",
                "pwrite /data/f: No space left on device (errno 28)",
            ])
    }

    @Test("names are listed in order, made folder by folder, renamed and removed")
    func names() throws {
        let log = Log()
        try withFiles { _, files in
            try files.createDirectory("/data/x/y/")
            for name in ["c", "a", "b"] { _ = try files.open("/data/x/\(name)", create: true) }
            try files.rename("/data/x/a", to: "/data/x/y/z")
            try files.remove("data//x/c")
            log.add(try files.list("/data/x").joined(separator: " "))
            log.add(try files.list("/data/x/y").joined(separator: " "))
            log.add(try files.list("/").joined(separator: " "))
        }
        #expect(log.lines == ["b y", "z", "data"])
    }

    /// Writes, syncs and loses power, and says what was left.
    private func survivors(seed: UInt64) throws -> [String: [UInt8]] {
        try World.simulate(seed: seed) { world in
            let process = world.addProcess("a")
            process.disk.prepareDirectory("/data")
            process.start { incarnation in
                do {
                    let files = incarnation.files
                    let synced = try files.open("/data/synced", create: true)
                    try synced.write(pattern(3000), at: 0)
                    try synced.synchronize()
                    try files.synchronizeDirectory("/data")
                    try synced.write([UInt8](repeating: 0xff, count: 2048), at: 4096)
                    let unnamed = try files.open("/data/unnamed", create: true)
                    try unnamed.write([7], at: 0)
                    try unnamed.synchronize()
                    let old = try files.open("/data/old", create: true)
                    try old.write([8], at: 0)
                    try old.synchronize()
                    try files.rename("/data/old", to: "/data/new")
                } catch {
                    world.fail("\(error)")
                }
            }
            try world.runUntilIdle()
            process.crash()
            var result: [String: [UInt8]] = [:]
            for name in ["synced", "unnamed", "old", "new"] {
                result[name] = process.disk.contents("/data/\(name)")
            }
            return result
        }
    }

    @Test("over 1,000 power losses the synced survives, the unsynced whole, torn or not at all")
    func powerLoss() throws {
        var tails: Set<[Bool]> = []
        var names: Set<[String]> = []
        for seed in 0..<1000 as Range<UInt64> {
            let left = try survivors(seed: seed)
            let synced = try #require(left["synced"])
            #expect(Array(synced.prefix(3000)) == pattern(3000))
            var sectors: [Bool] = []
            for start in stride(from: 4096, to: 6144, by: 512) {
                let sector = synced.dropFirst(start).prefix(512)
                #expect(sector.allSatisfy { $0 == 0xff } || sector.allSatisfy { $0 == 0 })
                sectors.append(sector.first == 0xff)
            }
            tails.insert(sectors)
            names.insert(left.keys.sorted())
            #expect(left["unnamed"] ?? [7] == [7])
            #expect(left["new"] ?? left["old"] ?? [8] == [8])
        }
        #expect(tails.count == 16)
        #expect(names.contains(["synced"]))
        #expect(names.contains(["new", "synced", "unnamed"]))
        #expect(names.contains(["old", "synced"]))
    }

    @Test("a killed process loses nothing that it wrote")
    func kill() throws {
        let bytes = try World.simulate(seed: 1) { world in
            let process = world.addProcess("a")
            process.start { incarnation in
                _ = try? incarnation.files.open("/f", create: true).write([1, 2], at: 0)
            }
            try world.runUntilIdle()
            process.crash(.kill)
            return process.disk.contents("/f")
        }
        #expect(bytes == [1, 2])
    }

    @Test("a name that replaced another durably never gives way to what was there before")
    func renameIsOrdered() throws {
        for seed in 0..<200 as Range<UInt64> {
            let contents = try World.simulate(seed: seed) { world in
                let process = world.addProcess("a")
                process.disk.prepareDirectory("/x")
                process.disk.prepareDirectory("/y")
                process.start { incarnation in
                    do {
                        let files = incarnation.files
                        let file = try files.open("/x/temporary", create: true)
                        try file.write([1], at: 0)
                        try file.synchronize()
                        try files.rename("/x/temporary", to: "/y/final")
                        try files.synchronizeDirectory("/y")
                    } catch {
                        world.fail("\(error)")
                    }
                }
                try world.runUntilIdle()
                process.crash()
                return [
                    process.disk.contents("/x/temporary"), process.disk.contents("/y/final"),
                ]
            }
            #expect(contents == [nil, [1]])
        }
    }

    @Test("a failed sync loses what it should have written, though programs still read it")
    func failedSync() throws {
        let log = Log()
        let left = try World.simulate(seed: 1) { world in
            let process = world.addProcess("a")
            process.start { incarnation in
                do {
                    let file = try incarnation.files.open("/f", create: true)
                    try incarnation.files.synchronizeDirectory("/")
                    try file.write([1], at: 0)
                    process.disk.faults.failingSynchronizationCount = 1
                    do { try file.synchronize() } catch { log.add("\(error)") }
                    log.add("\(try file.read(at: 0, count: 1))")
                    try file.synchronize()
                    log.add("\(process.disk.counters.synchronizations)")
                } catch {
                    world.fail("\(error)")
                }
            }
            try world.runUntilIdle()
            process.crash()
            return process.disk.contents("/f") ?? []
        }
        #expect(log.lines == ["fdatasync /f: Input/output error (errno 5)", "[1]", "2"])
        #expect(left.allSatisfy { $0 == 0 })
    }

    @Test("a write that is lost, or lands elsewhere, is reported as done")
    func lyingWrites() throws {
        try withFiles { process, files in
            let file = try files.open("/data/f", create: true)
            try file.write([1, 1, 1, 1, 1, 1], at: 0)
            process.disk.faults.lostWriteCount = 1
            try file.write([2], at: 0)
            process.disk.faults.misdirection = 3
            try file.write([3], at: 1)
            try file.write([4], at: 5)
            try file.synchronize()
            let bytes = try file.read(at: 0, count: 6)
            if bytes != [1, 1, 1, 1, 3, 4] { process.world.fail("read \(bytes)") }
        }
    }

    @Test("a disk takes what it has room for")
    func capacity() throws {
        try withFiles { process, files in
            let file = try files.open("/data/f", create: true)
            try file.allocate(byteCount: 600)
            process.disk.faults.capacityByteCount = 1000
            let other = try files.open("/data/g", create: true)
            try other.write(pattern(400), at: 0)
            try other.write(pattern(400), at: 0)
            let isTaken = (try? other.write([1], at: 400)) != nil
            try files.remove("/data/f")
            try other.write([1], at: 999)
            if isTaken || process.disk.usedByteCount != 1000 {
                process.world.fail("\(process.disk.usedByteCount) bytes")
            }
        }
    }

    @Test("a flipped bit is read, and is on the medium")
    func decay() throws {
        try withFiles { process, files in
            let file = try files.open("/data/f", create: true)
            try file.write([0, 0, 0], at: 0)
            try file.synchronize()
            let isFlipped = process.disk.flipBit(3, ofByteAt: 1, in: "/data/f")
            let bytes = try file.read(at: 0, count: 3)
            if !isFlipped || bytes != [0, 8, 0] { process.world.fail("not flipped: \(bytes)") }
        }
    }
}
