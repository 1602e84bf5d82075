/// An actor that lives on a node's loop.
public protocol LoopActor: Actor {
    nonisolated var loop: any NodeLoop { get }
}

extension LoopActor {
    /// Runs `body` as the actor's own code, at once. Loop only: elsewhere it ends the process.
    ///
    /// As `assumeIsolated` of the standard library, for a quarter of its time (60 ns against 250):
    /// that looks for a running task first and asks the executor last, by way of four casts, where
    /// here there is most often none; and moves what `body` captures to the heap.
    @inlinable @inline(__always)
    public nonisolated func onLoop<Value: Sendable>(_ body: (isolated Self) -> Value) -> Value {
        loop.checkIsolated()
        // An isolated parameter is passed like any other, which the standard library's own
        // `assumeIsolated` counts on too. What is cast is the function that calls, which captures
        // nothing: `body` itself could not be without letting it escape.
        typealias Isolated = (isolated Self) -> Value
        typealias Plain = (Self) -> Value
        let call: (Self, Plain) -> Value = callOnLoop
        return unsafeBitCast(call, to: ((Self, Isolated) -> Value).self)(self, body)
    }
}

@inlinable @inline(__always)
public func callOnLoop<Target, Value>(_ target: Target, _ body: (Target) -> Value) -> Value {
    body(target)
}
