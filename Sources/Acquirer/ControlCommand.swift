import ISO8583

/// One line of the control port: words between blanks, in either case.
public enum ControlCommand: Hashable, Sendable {
    case set(Fault)
    /// Breaks every connection now.
    case disconnect
    /// Whether reversals of unknown originals leave a tombstone.
    case tombstones(Bool)
    /// Takes every fault away and sets the tombstones as the host was started.
    case reset
    case status
    case help

    /// The longest line that is read, its end not counted: several times the longest command.
    public static let lineByteCountMaximum = 256
    /// Ten minutes: longer than any timeout that a late answer could be meant for.
    public static let waitMillisecondsMaximum: Int64 = 600_000
    /// More than a test sends.
    public static let countMaximum = 1_000_000

    /// What `help` answers.
    public static let helpLines = [
        "delay GROUP MS [count N]          answer after MS milliseconds, what follows waits",
        "late GROUP MS [count N]           answer after MS milliseconds, what follows overtakes",
        "silence GROUP [count N]           process and never answer",
        "duplicate GROUP [count N]         answer twice",
        "disconnect                        break every connection now",
        "disconnect before GROUP [count N] break the connection, do not process",
        "disconnect after GROUP [count N]  process, break the connection, do not answer",
        "refuse advice|reversal|all RC [count N]   refuse with the response code",
        "decline RC [count N]              decline every 0100 and 0200 with the response code",
        "tombstones on|off                 remember reversals of unknown originals, or forget them",
        "reset                             take all of it back",
        "status                            what is set and what is in the journal",
        "GROUP is all, authorization (0100, 0200), advice (0220) or reversal (0420).",
        "MS is 0 to 600000. Without a count a fault stays until reset.",
    ]

    /// Reads a line.
    public init(_ line: some StringProtocol) throws(ControlCommandError) {
        var words = Words(line)
        self = try Self.read(&words)
        if let extra = words.next() { throw .unexpectedWord(position: extra.position) }
    }

    private static func read(_ words: inout Words) throws(ControlCommandError) -> ControlCommand {
        let verb = try words.required("a command")
        switch verb.text {
        case "delay":
            let group = try words.group()
            return .set(try words.fault(.delay(milliseconds: words.milliseconds()), group))
        case "late":
            let group = try words.group()
            return .set(try words.fault(.late(milliseconds: words.milliseconds()), group))
        case "silence": return .set(try words.fault(.silence, words.group()))
        case "duplicate": return .set(try words.fault(.duplicate, words.group()))
        case "disconnect": return try words.disconnect()
        case "refuse":
            let group = try words.group()
            guard group != .authorization else { throw .refuseTakesAdvices }
            return .set(try words.fault(.refuse(words.responseCode()), group))
        case "decline":
            return .set(try words.fault(.decline(words.responseCode()), .authorization))
        case "tombstones": return .tombstones(try words.onOrOff())
        case "reset": return .reset
        case "status": return .status
        case "help": return .help
        default: throw .unknownCommand
        }
    }
}

/// Why a line is no command. It names the place and never repeats what was sent.
public enum ControlCommandError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownCommand
    /// The line ends where this should stand.
    case missing(what: String)
    /// The word at this position, counted from 1, is not what should stand there.
    case invalid(what: String, position: Int)
    /// The command ends before the word at this position.
    case unexpectedWord(position: Int)
    /// Requests for money are declined, not refused.
    case refuseTakesAdvices
    /// Longer than `ControlCommand.lineByteCountMaximum`, or not UTF-8.
    case unreadableLine

    public var description: String {
        switch self {
        case .unknownCommand: "unknown command, try help"
        case .missing(let what): "expected \(what) at the end"
        case .invalid(let what, let position): "expected \(what) as word \(position)"
        case .unexpectedWord(let position): "nothing expected as word \(position)"
        case .refuseTakesAdvices: "refuse takes advice, reversal or all; use decline RC"
        case .unreadableLine:
            "line is not text of up to \(ControlCommand.lineByteCountMaximum) bytes"
        }
    }
}

/// The words of a line that are still to be read.
private struct Words {
    struct Word {
        let text: String
        /// From 1.
        let position: Int
    }

    private var rest: ArraySlice<Word>

    init(_ line: some StringProtocol) {
        let texts = line.split { $0 == " " || $0 == "\t" }.map { $0.lowercased() }
        rest = texts.enumerated().map { Word(text: $1, position: $0 + 1) }[...]
    }

    mutating func next() -> Word? { rest.popFirst() }

    mutating func required(_ what: String) throws(ControlCommandError) -> Word {
        guard let word = next() else { throw .missing(what: what) }
        return word
    }

    mutating func group() throws(ControlCommandError) -> MessageGroup {
        let what = "all, authorization, advice or reversal"
        let word = try required(what)
        guard let group = MessageGroup(rawValue: word.text) else {
            throw .invalid(what: what, position: word.position)
        }
        return group
    }

    mutating func milliseconds() throws(ControlCommandError) -> Int64 {
        let what = "milliseconds"
        let word = try required(what)
        guard let number = Int64(word.text), 0...ControlCommand.waitMillisecondsMaximum ~= number
        else { throw .invalid(what: what, position: word.position) }
        return number
    }

    mutating func responseCode() throws(ControlCommandError) -> ResponseCode {
        let what = "a response code other than 00"
        let word = try required(what)
        guard let code = ResponseCode(word.text.uppercased()), !code.isApproved else {
            throw .invalid(what: what, position: word.position)
        }
        return code
    }

    mutating func onOrOff() throws(ControlCommandError) -> Bool {
        let what = "on or off"
        let word = try required(what)
        switch word.text {
        case "on": return true
        case "off": return false
        default: throw .invalid(what: what, position: word.position)
        }
    }

    mutating func disconnect() throws(ControlCommandError) -> ControlCommand {
        guard let word = next() else { return .disconnect }
        switch word.text {
        case "before": return .set(try fault(.disconnectBefore, group()))
        case "after": return .set(try fault(.disconnectAfter, group()))
        default: throw .invalid(what: "before or after", position: word.position)
        }
    }

    mutating func fault(
        _ effect: Fault.Effect, _ group: MessageGroup
    ) throws(ControlCommandError) -> Fault {
        Fault(effect, group, count: try count())
    }

    private mutating func count() throws(ControlCommandError) -> Int? {
        guard let word = next() else { return nil }
        guard word.text == "count" else { throw .invalid(what: "count", position: word.position) }
        let what = "a count of 1 to \(ControlCommand.countMaximum)"
        let number = try required(what)
        guard let count = Int(number.text), 1...ControlCommand.countMaximum ~= count else {
            throw .invalid(what: what, position: number.position)
        }
        return count
    }
}
