/// The answer of the control port: lines without their ends.
public struct ControlReply: Hashable, Sendable {
    /// The first begins with `ok` or `error`.
    public let lines: [String]
    /// Whether an empty line ends the answer, as it does when there may be several.
    public let isBlock: Bool

    init(_ line: String) {
        lines = [line]
        isBlock = false
    }

    init(block lines: [String]) {
        self.lines = lines
        isBlock = true
    }

    /// The answer to a line that is no command.
    public init(_ error: ControlCommandError) {
        self.init("error \(error)")
    }

    /// The bytes on the wire.
    public var text: String {
        lines.map { $0 + "\n" }.joined() + (isBlock ? "\n" : "")
    }
}

extension AcquirerInstance {
    /// Does what the control port asks for.
    public mutating func onCommand(
        _ command: ControlCommand
    ) -> (reply: ControlReply, directives: [Directive]) {
        switch command {
        case .set(let fault):
            control.set(fault)
            return (ControlReply("ok \(fault)"), [])
        case .disconnect:
            return (ControlReply("ok disconnect"), [.closeAll])
        case .tombstones(let areKept):
            control.forgetsUnknownReversals = !areKept
            return (ControlReply("ok tombstones \(areKept ? "on" : "off")"), [])
        case .reset:
            control = ControlState(forgetsUnknownReversals: options.forgetsUnknownReversals)
            return (ControlReply("ok reset"), [])
        case .status:
            return (ControlReply(block: statusLines), [])
        case .help:
            return (ControlReply(block: ["ok help"] + ControlCommand.helpLines), [])
        }
    }

    private var statusLines: [String] {
        var lines = ["ok status"]
        lines.append("tombstones \(control.forgetsUnknownReversals ? "off" : "on")")
        lines += control.faults.map { "fault \($0)" }
        for state in AcquirerTransaction.State.allCases {
            let count = transactions.count { $0.state == state }
            if count > 0 { lines.append("transactions \(state.rawValue) \(count)") }
        }
        lines.append("advices \(book.adviceCount)")
        return lines
    }
}
