/// An actor that lives on a node's loop.
public protocol LoopActor: Actor {
    nonisolated var loop: any NodeLoop { get }
}

extension LoopActor {
    /// Runs `body` as the actor's own code, at once. Loop only: elsewhere it ends the process.
    ///
    /// As `assumeIsolated` of the standard library, for a tenth of its time: that looks for a
    /// running task first and asks the executor last, by way of four casts, where here there is
    /// most often none; and moves what `body` captures to the heap.
    @inlinable @inline(__always)
    public nonisolated func onLoop<Value: Sendable>(_ body: (isolated Self) -> Value) -> Value {
        loop.checkIsolated()
        // An isolated parameter is passed like any other, which the standard library's own
        // `assumeIsolated` counts on too. What is cast is the function that calls, which captures
        // nothing: `body` itself could not be without letting it escape. It is cast within a
        // structure, as a bare function would be wrapped anew on its way through `unsafeBitCast`.
        let plain = PlainCall<Self, Value>(call: callOnLoop)
        return unsafeBitCast(plain, to: IsolatedCall<Self, Value>.self).call(self, body)
    }
}

@usableFromInline
struct PlainCall<Target: Actor, Value> {
    @usableFromInline let call: (Target, (Target) -> Value) -> Value

    @inlinable
    init(call: @escaping (Target, (Target) -> Value) -> Value) {
        self.call = call
    }
}

@usableFromInline
struct IsolatedCall<Target: Actor, Value> {
    @usableFromInline let call: (Target, (isolated Target) -> Value) -> Value
}

@inlinable @inline(__always)
func callOnLoop<Target, Value>(_ target: Target, _ body: (Target) -> Value) -> Value {
    body(target)
}
