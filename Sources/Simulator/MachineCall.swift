import CSwiftHooks

/// A call of a real clock or random source within a run, and who made it.
public struct MachineCall: Hashable, Sendable, CustomStringConvertible {
    /// What was asked in the end: `clock_gettime`, `getrandom`, `open of /dev/urandom`, …
    public let source: String
    /// The loop that was running, if one was.
    public let loop: String?
    public let elapsed: Duration
    /// The functions that led there, innermost first.
    public let functions: [String]

    public var description: String {
        let place = loop.map { " on \($0)" } ?? ""
        return
            (["the machine's \(source) was asked\(place), \(elapsed) into the run, by way of"]
            + functions.map { "  \($0)" }).joined(separator: "\n")
    }

    init(_ call: UnsafePointer<CSwiftMachineCall>, on loop: String?, elapsed: Duration) {
        source = String(cString: call.pointee.function)
        self.loop = loop
        self.elapsed = elapsed
        functions = CallPath.functions(
            at: CallPath.addresses(in: call.pointee.stack, call.pointee.stackCount))
    }
}
