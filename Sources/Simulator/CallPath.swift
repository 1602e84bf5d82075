import CSwiftHooks

/// The functions behind return addresses, as a reader wants to see them.
enum CallPath {
    /// Names, innermost first, without those of the runtime and the simulator, and each once in a
    /// row. Where nothing is left, all names.
    static func functions(at addresses: [UnsafeRawPointer?]) -> [String] {
        let names = addresses.compactMap(name(of:))
        let own = names.filter { !isMachinery($0) }
        return (own.isEmpty ? names : own).reduce(into: []) { functions, name in
            if functions.last != name { functions.append(name) }
        }
    }

    /// The first `count` addresses of an array of C.
    static func addresses<Tuple>(in tuple: Tuple, _ count: Int) -> [UnsafeRawPointer?] {
        withUnsafeBytes(of: tuple) {
            Array($0.bindMemory(to: UnsafeRawPointer?.self).prefix(count))
        }
    }

    private static func name(of address: UnsafeRawPointer?) -> String? {
        guard let copy = CSwiftCopyFunctionName(address) else { return nil }
        defer { CSwiftFreeName(copy) }
        let name = String(cString: copy)
        // An async function is compiled to parts: "(2) await resume partial function for f()".
        guard let range = name.firstRange(of: " partial function for ") else { return name }
        return String(name[range.upperBound...])
    }

    /// Whether a function belongs to the runtime or to the simulator, which every path passes.
    private static func isMachinery(_ name: String) -> Bool {
        let starts = [
            "swift_", "_swift_", "_ZN5swift", "_ZNK5swift", "_ZL", "swift::", "onGlobal", "onDelay",
            "onDeadline", "onMainExecutor", "report", "runThread", "CSwift", "start_thread",
            "clone", "__clone", "trapped", "tell", "walkFrames",
        ]
        let parts = [
            "Simulator.World", "Simulator.SimulatedLoop", "Simulator.(MainActorTrap",
            "Simulator.(WorldRun", "Simulator.(AnyWorldRun", "reabstraction thunk",
        ]
        return starts.contains { name.hasPrefix($0) } || parts.contains { name.contains($0) }
    }
}
