/// What a command's end means to whoever ran it; the numbers are those of `sysexits.h`.
public enum ExitStatus: Int32, Sendable, CaseIterable {
    case success = 0
    /// It was done, and the result is bad: a reconciliation with breaks, a node that ended.
    case failed = 1
    /// The command line is wrong (`EX_USAGE`).
    case usage = 64
    /// Something that is needed is not there or does not answer (`EX_UNAVAILABLE`).
    case unavailable = 69
    /// Not now; the same command may work later (`EX_TEMPFAIL`).
    case tryAgain = 75
    /// The configuration or the data is wrong (`EX_CONFIG`).
    case badConfiguration = 78
}

/// Why a command could not do what it was asked: what happened, where, and what to do about it.
public struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let status: ExitStatus
    /// One sentence without a full stop.
    public let what: String
    /// The file and line, folder, address or process that it is about.
    public let place: String?
    /// What the reader can do now.
    public let remedy: String

    public init(_ status: ExitStatus, _ what: String, at place: String? = nil, remedy: String) {
        self.status = status
        self.what = what
        self.place = place
        self.remedy = remedy
    }

    public var description: String {
        let placed = place.map { "\($0): \(what)" } ?? what
        return "sunny: \(placed)\n       \(remedy)"
    }
}
