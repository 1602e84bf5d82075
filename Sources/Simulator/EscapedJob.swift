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
        var addresses: [UnsafeRawPointer?] = []
        withUnsafeBytes(of: escape.pointee.stack) {
            addresses += $0.bindMemory(to: UnsafeRawPointer?.self)
                .prefix(escape.pointee.stackCount)
        }
        withUnsafeBytes(of: escape.pointee.resume) {
            addresses += $0.bindMemory(to: UnsafeRawPointer?.self)
                .prefix(escape.pointee.resumeCount)
        }
        var functions: [String] = []
        for address in addresses {
            guard let name = Self.name(of: address), !Self.isMachinery(name) else { continue }
            if functions.last != name { functions.append(name) }
        }
        self.functions = functions
    }

    private static func name(of address: UnsafeRawPointer?) -> String? {
        guard let copy = CSwiftCopyFunctionName(address) else { return nil }
        defer { CSwiftFreeName(copy) }
        let name = String(cString: copy)
        // An async function is compiled to parts: "(2) await resume partial function for f()".
        guard let range = name.firstRange(of: " partial function for ") else { return name }
        return String(name[range.upperBound...])
    }

    /// Whether a function belongs to the runtime or to the simulator, which every escape passes.
    private static func isMachinery(_ name: String) -> Bool {
        let starts = [
            "swift_", "_swift_", "_ZN5swift", "_ZNK5swift", "_ZL", "swift::", "onGlobal", "onDelay",
            "onDeadline", "onMainExecutor", "report", "runThread", "CSwift", "start_thread",
            "clone", "__clone",
        ]
        let parts = [
            "Simulator.World", "Simulator.SimulatedLoop", "Simulator.(MainActorTrap",
            "Simulator.(WorldRun", "Simulator.(AnyWorldRun", "reabstraction thunk",
        ]
        return starts.contains { name.hasPrefix($0) } || parts.contains { name.contains($0) }
    }
}
