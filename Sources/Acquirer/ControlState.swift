import ISO8583

/// What the host was told to do otherwise than a well-behaved one would.
public struct ControlState: Hashable, Sendable {
    /// How an answer leaves.
    enum Delivery: Hashable {
        /// In the connection's order, after a wait of so many milliseconds.
        case inOrder(afterMilliseconds: Int64)
        /// Outside the connection's order.
        case outOfOrder(afterMilliseconds: Int64)
        case never
        case disconnect
    }

    /// The faults that are set, one of each kind and group: at most 32.
    public private(set) var faults: [Fault] = []
    /// Whether a reversal of an unknown original is acknowledged and forgotten, so that the
    /// original may still be approved when it comes.
    public var forgetsUnknownReversals: Bool

    public init(forgetsUnknownReversals: Bool = false) {
        self.forgetsUnknownReversals = forgetsUnknownReversals
    }

    /// Sets a fault in place of the one of its kind and group.
    public mutating func set(_ fault: Fault) {
        faults.removeAll { $0.kind == fault.kind && $0.group == fault.group }
        faults.append(fault)
    }

    /// Takes every fault away.
    public mutating func removeFaults() {
        faults = []
    }

    /// Whether the connection breaks before a message of these groups is processed.
    mutating func takesDisconnectBefore(_ groups: [MessageGroup]) -> Bool {
        take(.disconnectBefore, groups) != nil
    }

    /// The code with which an advice or reversal of these groups is refused.
    mutating func takeRefusal(_ groups: [MessageGroup]) -> ResponseCode? {
        guard case .refuse(let code) = take(.refuse, groups) else { return nil }
        return code
    }

    /// The code with which a request for money is declined.
    mutating func takeDecline(_ groups: [MessageGroup]) -> ResponseCode? {
        guard case .decline(let code) = take(.decline, groups) else { return nil }
        return code
    }

    /// How the answer to a message of these groups leaves. The gravest fault wins, and only it is
    /// counted: a lost connection, then silence, then late, then a delay.
    mutating func takeDelivery(_ groups: [MessageGroup]) -> (Delivery, copyCount: Int) {
        if take(.disconnectAfter, groups) != nil { return (.disconnect, 0) }
        if take(.silence, groups) != nil { return (.never, 0) }
        let copyCount = take(.duplicate, groups) == nil ? 1 : 2
        if case .late(let milliseconds) = take(.late, groups) {
            return (.outOfOrder(afterMilliseconds: milliseconds), copyCount)
        }
        if case .delay(let milliseconds) = take(.delay, groups) {
            return (.inOrder(afterMilliseconds: milliseconds), copyCount)
        }
        return (.inOrder(afterMilliseconds: 0), copyCount)
    }

    /// Counts down the fault of a kind that meets a message of these groups, the narrower first.
    private mutating func take(_ kind: Fault.Kind, _ groups: [MessageGroup]) -> Fault.Effect? {
        for group in groups {
            guard let index = faults.firstIndex(where: { $0.kind == kind && $0.group == group })
            else { continue }
            let effect = faults[index].effect
            if let count = faults[index].remainingCount {
                faults[index].remainingCount = count - 1
                if count <= 1 { faults.remove(at: index) }
            }
            return effect
        }
        return nil
    }
}
