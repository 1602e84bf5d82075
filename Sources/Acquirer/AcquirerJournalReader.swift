import GRDB
import Primitives

/// Looks into the journal of a host that may be running. Every call blocks, and sees what is
/// committed at its moment.
public final class AcquirerJournalReader: Sendable {
    private let queue: DatabaseQueue

    /// Opens the journal at `path` for reading; it has to be there.
    public init(path: String) throws(AcquirerJournalError) {
        do {
            var configuration = Configuration()
            configuration.label = "AcquirerReader"
            configuration.readonly = true
            // The host holds a lock only while it opens and closes its file.
            configuration.busyMode = .timeout(5)
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.read { try AcquirerJournalSchema.check($0) }
        } catch {
            throw AcquirerJournalError(error, during: "open the journal for reading")
        }
    }

    /// All transactions, in the order of arrival.
    public func transactions() throws(AcquirerJournalError) -> [AcquirerTransaction] {
        do {
            return try queue.read { try AcquirerJournalRows.transactions($0) }
        } catch {
            throw AcquirerJournalError(error, during: "read the journal")
        }
    }

    /// All answered advices, in the order of arrival.
    public func advices() throws(AcquirerJournalError) -> [AcquirerAdvice] {
        do {
            return try queue.read { try AcquirerJournalRows.advices($0) }
        } catch {
            throw AcquirerJournalError(error, during: "read the journal")
        }
    }
}
