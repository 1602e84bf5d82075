import Testing

@Suite("The repository is tidy")
struct TidyTests {
    /// Read once for all tests; each test has an instance of its own.
    private static let loaded = Result {
        let repository = try Repository()
        return (repository: repository, files: try repository.files())
    }

    private let repository: Repository
    private let files: [SourceFile]

    init() throws {
        (repository, files) = try Self.loaded.get()
    }

    @Test("the files of the house are found")
    func found() {
        #expect(files.count > 100)
        #expect(files.contains { $0.path == "Sources/Primitives/Bytes.swift" })
        #expect(Set(files.compactMap(\.room)).count > 15)
    }

    @Test("the table of rooms keeps to the layers")
    func layers() {
        #expect(House.violations(of: House.rooms) == [])
    }

    @Test("Package.swift declares what the table allows")
    func manifest() throws {
        let text = try #require(files.first { $0.path == "Package.swift" }).text
        #expect(Checks.manifest(Manifest(text), rooms: House.rooms) == [])
    }

    @Test("every import is in the table")
    func imports() {
        #expect(files.flatMap { Checks.imports($0, rooms: House.rooms) } == [])
    }

    @Test("each C module has one Swift importer")
    func foreignModules() {
        for (name, room) in House.rooms where room.kind == .foreign {
            let importers = House.rooms.filter { $0.value.imports.contains(name) }.map(\.key)
            #expect(importers.count == 1, "\(name): \(importers.sorted())")
        }
    }

    @Test("nothing below the edges reaches for a clock, chance or thread of the machine")
    func bannedNames() {
        #expect(files.flatMap { Checks.bannedNames($0, rooms: House.rooms) } == [])
    }

    @Test("lines have at most 100 columns")
    func lineLengths() {
        #expect(files.flatMap { Checks.lineLengths($0) } == [])
    }

    @Test("a promise taken from the compiler has its proof right above")
    func proofs() {
        #expect(files.flatMap { Checks.unproven($0, rooms: House.rooms) } == [])
    }

    @Test("relative links in Markdown lead somewhere")
    func links() {
        #expect(files.flatMap { Checks.links($0, exists: repository.exists) } == [])
    }

    @Test("no name of unfinished work or of a place outside the repository")
    func forbiddenNames() {
        #expect(files.flatMap { Checks.forbiddenNames($0) } == [])
    }

    @Test("files of Sources have at most 600 lines")
    func fileLengths() {
        #expect(files.flatMap { Checks.fileLengths($0) } == [])
    }

    @Test("products of the build are not committed")
    func trackedProducts() throws {
        #expect(Checks.trackedProducts(try repository.tracked()) == [])
    }
}
