import CSwiftHooks

/// A job that would have left the simulated loops, and who made it.
public struct EscapedJob: Hashable, Sendable, CustomStringConvertible {
    public enum Destination: Hashable, Sendable {
        case globalPool
        case mainActor
    }

    public let destination: Destination
    /// The loop that was running, if one was.
    public let loop: String?
    public let elapsed: Duration
    /// The functions that led there, innermost first: those on the stack, then the async callers.
    public let functions: [String]

    public var description: String {
        let place = destination == .globalPool ? "Swift's global pool" : "the main actor"
        let maker = loop.map { " on \($0)" } ?? ""
        return
            (["a job went to \(place)\(maker), \(elapsed) into the run, by way of"]
            + functions.map { "  \($0)" }).joined(separator: "\n")
    }

    init(_ escape: UnsafePointer<CSwiftEscape>, on loop: String?, elapsed: Duration) {
        destination =
            escape.pointee.kind == CSwiftEscapeMainExecutor ? .mainActor : .globalPool
        self.loop = loop
        self.elapsed = elapsed
        functions = CallPath.functions(
            at: CallPath.addresses(in: escape.pointee.stack, escape.pointee.stackCount)
                + CallPath.addresses(in: escape.pointee.resume, escape.pointee.resumeCount))
    }
}
