import Acquirer
import Glibc
import ISO8583
import Primitives
import Testing

/// A folder of a test's own, removed when it goes.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/acquirer-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        precondition(made, "no temporary folder: errno \(errno)")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var names: [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The bytes of all files.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for name in names {
            guard let file = fopen("\(path)/\(name)", "rb") else { continue }
            defer { fclose(file) }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while case let count = fread(&chunk, 1, chunk.count, file), count > 0 {
                bytes += chunk[..<count]
            }
        }
        return bytes
    }
}

struct JournalTests {
    /// Gives messages to a host and commits what they lead to.
    private static func run(
        _ messages: [Message], on host: inout AcquirerInstance, _ journal: AcquirerJournal
    ) throws {
        var batch = JournalBatch()
        for message in messages { for item in host.directives(message) { batch.add(item) } }
        try journal.append(batch)
    }

    private static let busyDay: [Message] = {
        let first = Messages.request(code: "123")
        let sale = Messages.request(.financialRequest, trace: 2, reference: "000000000002")
        let late = Messages.request(trace: 3, reference: "000000000003")
        let partly = Messages.request(trace: 4, reference: "000000000004")
        let lost = Messages.request(trace: 5, reference: "000000000005")
        return [
            first, Messages.capture(400, trace: 10), Messages.capture(700, trace: 11), sale,
            Messages.refund(100, trace: 12, reference: "000000000002", of: sale),
            Messages.refund(901, trace: 13, reference: "000000000002", of: sale),
            Messages.reversal(of: late, trace: 14), late, partly,
            Messages.reversal(of: partly, trace: 15, remaining: 1),
            Messages.reversal(of: lost, trace: 16, withReference: false),
            Messages.request(card: Messages.declined, trace: 6, reference: "000000000006"),
            Messages.capture(5, trace: 17, reference: "000000000099"),
        ]
    }()

    @Test("After reopening the host knows all that it knew, and answers repeats as before")
    func reopening() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/acquirer.db"
        var host = AcquirerInstance()
        let journal = try AcquirerJournal(path: path)
        // A commit for each message, so that rows are updated over and over.
        for message in Self.busyDay { try Self.run([message], on: &host, journal) }
        try journal.close()

        let reopened = try AcquirerJournal(path: path)
        let records = try reopened.records()
        #expect(records.transactions == host.transactions)
        #expect(records.advices.count == 8)
        var again = AcquirerInstance(records: records)
        for message in Self.busyDay { #expect(again.answer(message) == host.answer(message)) }
        #expect(again.transactions == host.transactions)
        #expect(again.code(Messages.request(trace: 5, reference: "000000000005")) == "12")
        try Self.run(
            [Messages.request(trace: 90, reference: "000000000090")], on: &again, reopened)
        #expect(try reopened.records().transactions.count == again.transactions.count)
        try reopened.close()
    }

    @Test("One batch is the same as many, in memory too")
    func inMemory() throws {
        var host = AcquirerInstance()
        let journal = try AcquirerJournal(path: nil)
        try Self.run(Self.busyDay, on: &host, journal)
        #expect(try journal.records().transactions == host.transactions)
        #expect(try journal.messageCount() == 2 * Self.busyDay.count)
    }

    @Test("No card number and no verification code reaches the file")
    func secrecy() throws {
        let folder = TemporaryFolder()
        let journal = try AcquirerJournal(path: "\(folder.path)/acquirer.db")
        var host = AcquirerInstance()
        try Self.run([Messages.request(code: "7391")], on: &host, journal)
        var refund = Messages.refund(1, trace: 2, reference: "000000000009")
        refund.set(.primaryAccountNumber, text: Messages.visa)
        try Self.run([refund], on: &host, journal)
        let text = String(decoding: folder.bytes, as: UTF8.self)
        #expect(text.contains("424242******4242"))
        #expect(!text.contains(Messages.visa))
        #expect(!text.contains("7391"))
        try journal.close()
        let closed = String(decoding: folder.bytes, as: UTF8.self)
        #expect(closed.contains("424242******4242"))
        #expect(!closed.contains(Messages.visa))
    }

    @Test("A reader sees what is committed while the host writes, and after it has gone")
    func reader() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/acquirer.db"
        let journal = try AcquirerJournal(path: path)
        var host = AcquirerInstance()
        let reader = try AcquirerJournalReader(path: path)
        #expect(try reader.transactions().isEmpty)
        try Self.run(Self.busyDay, on: &host, journal)
        #expect(try reader.transactions() == host.transactions)
        #expect(try reader.advices().count == 8)
        try journal.close()
        #expect(try AcquirerJournalReader(path: path).transactions() == host.transactions)
    }

    @Test("What is no journal is refused and not touched")
    func foreignFiles() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/other.db"
        let file = try #require(fopen(path, "wb"))
        fputs(String(repeating: "not a database, ", count: 64), file)
        fclose(file)
        let before = folder.bytes
        #expect(throws: AcquirerJournalError.self) { try AcquirerJournal(path: path) }
        #expect(throws: AcquirerJournalError.self) { try AcquirerJournalReader(path: path) }
        #expect(throws: AcquirerJournalError.self) {
            try AcquirerJournalReader(path: "\(folder.path)/missing.db")
        }
        #expect(folder.bytes == before)
        #expect(folder.names == ["other.db"])
    }

    @Test("A batch that cannot be written is not written at all")
    func atomicity() throws {
        let journal = try AcquirerJournal(path: nil)
        var host = AcquirerInstance()
        try Self.run([Messages.request(), Messages.capture(1, trace: 2)], on: &host, journal)
        var other = AcquirerInstance()
        // Its advice has the number of one that is there already.
        let messages = [
            Messages.request(amount: 77), Messages.request(trace: 8, reference: "000000000008"),
            Messages.capture(1, trace: 9),
        ]
        #expect(throws: AcquirerJournalError.self) {
            try Self.run(messages, on: &other, journal)
        }
        #expect(try journal.records().transactions == host.transactions)
        #expect(try journal.messageCount() == 4)
    }
}
