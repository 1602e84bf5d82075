public import Primitives

/// Why text is no history, and in which line; the first line is 1.
public struct HistoryLineError: Error, Hashable, Sendable {
    public let line: Int
    public let reason: StaticName
}

/// A history of registers as text, one JSON object a line, for other checkers and for people:
///
///     {"client":1,"op":"read","in":{"key":"a"},"out":{"value":7},"call_ns":5,"return_ns":9}
///     {"client":2,"op":"write","in":{"key":"a","value":7},"out":{"written":true},…}
///     {"client":3,"op":"cas","in":{"key":"a","expected":null,"new":7},"out":{"swapped":false},…}
///
/// A register without a value is `null`; so are an output that nobody saw and the return of an
/// operation whose outcome is unknown. Instants are nanoseconds on the clock of the run.
extension History where Model == RegisterModel {
    /// The lines, in the order of `operations`, each ended by a newline.
    public var ndjson: [UInt8] {
        var writer = LineWriter()
        for operation in operations { writer.write(operation) }
        return writer.bytes
    }

    /// Reads what `ndjson` wrote: the same fields in the same order, with blanks and tabs where
    /// JSON has them; the newline after the last line may be missing.
    ///
    /// - Throws: `HistoryLineError` at the first line that is anything else.
    public init(ndjson: [UInt8]) throws(HistoryLineError) {
        var operations: [Operation] = []
        var lines = ndjson.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for (index, line) in lines.enumerated() {
            do throws(LineReader.Refusal) {
                var reader = LineReader(line)
                operations.append(try reader.readOperation())
            } catch {
                throw HistoryLineError(line: index + 1, reason: error.reason)
            }
        }
        self.init(operations)
    }
}

private typealias Operation = History<RegisterModel>.Operation

extension LineWriter {
    fileprivate mutating func write(_ operation: Operation) {
        write(#"{"client":"#, operation.client.description)
        switch operation.input {
        case .read:
            write(#","op":"read","in":{"key":"#)
            writeString(operation.key)
        case .write(let value):
            write(#","op":"write","in":{"key":"#)
            writeString(operation.key)
            write(#","value":"#, value.description)
        case .compareAndSet(let expected, let new):
            write(#","op":"cas","in":{"key":"#)
            writeString(operation.key)
            write(#","expected":"#, text(expected), #","new":"#, new.description)
        }
        write(#"},"out":"#)
        switch operation.output {
        case nil: write("null")
        case .value(let value): write(#"{"value":"#, text(value), "}")
        case .written: write(#"{"written":true}"#)
        case .swapped(let isSwapped): write(#"{"swapped":"#, isSwapped.description, "}")
        }
        write(#","call_ns":"#, operation.called.nanoseconds.description)
        write(#","return_ns":"#, text(operation.returned?.nanoseconds), "}\n")
    }

    private func text(_ value: Int64?) -> String {
        value?.description ?? "null"
    }
}
