import Primitives

/// A history of payments as text, one JSON object a line, in the form that histories of registers
/// have:
///
///     {"client":1,"op":"capture","in":{"key":"c0-3","request":"c0-3-capture1","amount":500,…},
///      "out":{"shown":{"id":"pi_…","status":"succeeded",…}},"call_ns":5,"return_ns":9}
///
/// A key is a payment. `out` is null where nobody saw an answer, and `return_ns` with it. Instants
/// are nanoseconds on the clock of the run.
extension PaymentHistory {
    /// The lines, in the order of `requests`, each ended by a newline.
    public var ndjson: [UInt8] {
        var writer = LineWriter()
        for request in requests { writer.write(request) }
        return writer.bytes
    }
}

extension LineWriter {
    fileprivate mutating func write(_ request: PaymentHistory.Request) {
        write(#"{"client":"#, request.client.description)
        switch request.question {
        case .retrieve: write(#","op":"retrieve","in":{"key":"#, quoting: request.payment)
        case .list: write(#","op":"list","in":{"key":"#, quoting: request.payment)
        case .command(let command, let key):
            write(#","op":"\#(command.name)","in":{"key":"#, quoting: request.payment)
            write(#","request":"#, quoting: key)
            write(command)
        }
        write(#"},"out":"#)
        if let answer = request.answer { write(answer) } else { write("null") }
        write(#","call_ns":"#, request.called.nanoseconds.description)
        write(#","return_ns":"#, request.returned?.nanoseconds.description ?? "null", "}\n")
    }

    /// The text before a string, and the string.
    private mutating func write(_ text: String, quoting string: String) {
        write(text)
        writeString(string)
    }

    private mutating func write(_ command: PaymentModel.Command) {
        switch command {
        case .create(let amount, let isManual, let isFlexible, let confirms):
            write(#","amount":\#(amount),"manual":\#(isManual),"flexible":\#(isFlexible)"#)
            write(#","confirm":\#(confirms)"#)
        case .confirm, .cancel: break
        case .increment(let total): write(#","amount":\#(total)"#)
        case .capture(let amount, let isFinal):
            write(#","amount":\#(amount),"final":\#(isFinal)"#)
        case .refund(let amount): write(#","amount":\#(amount)"#)
        }
    }

    private mutating func write(_ answer: PaymentModel.Output) {
        switch answer {
        case .taken: write(#"{"taken":true}"#)
        case .absent: write(#"{"absent":true}"#)
        case .shown(let snapshot):
            write(#"{"shown":"#)
            write(snapshot)
            write("}")
        case .declined(let snapshot):
            write(#"{"declined":"#)
            write(snapshot)
            write("}")
        case .refund(let number, let amount):
            write(#"{"refund":\#(number),"amount":\#(amount)}"#)
        case .refused(let code, let snapshot):
            write(#"{"refused":"#, quoting: code)
            if let snapshot {
                write(#","shown":"#)
                write(snapshot)
            }
            write("}")
        }
    }

    private mutating func write(_ snapshot: PaymentModel.Snapshot) {
        write(#"{"id":"#, quoting: snapshot.id)
        write(#","status":"#, quoting: snapshot.status.rawValue)
        write(#","amount":\#(snapshot.amount),"capturable":\#(snapshot.capturable)"#)
        write(#","received":\#(snapshot.received)"#)
        write(#","refunded":\#(snapshot.refunded?.description ?? "null")}"#)
    }
}

extension PaymentModel.Command {
    fileprivate var name: String {
        switch self {
        case .create: "create"
        case .confirm: "confirm"
        case .increment: "increment"
        case .capture: "capture"
        case .cancel: "cancel"
        case .refund: "refund"
        }
    }
}
