import CSwiftHooks
import StateStore

extension World {
    /// Makes a world on a thread of its own, gives it to `body` there, and waits for its end.
    ///
    /// To be called from any thread; worlds may run side by side. While `body` runs, no job of its
    /// thread can reach Swift's global pool, and whoever asks a clock or a random source of the
    /// machine fails the run. Throws what `body` throws, else the world's failure if it has one,
    /// so that none is overlooked. What a test expects, it should return from `body` and check
    /// outside, where its test is known.
    public static func simulate<Output: Sendable>(
        seed: UInt64, parameters: WorldParameters = WorldParameters(),
        _ body: @escaping @Sendable (World) throws -> Output
    ) throws -> Output {
        let run = WorldRun { () throws -> Output in
            let world = World(seed: seed, parameters: parameters)
            return try world.runGuarded(body)
        }
        let status = CSwiftRunOnThread(
            stackByteCount,
            { context in
                guard let context else { return }
                Unmanaged<AnyWorldRun>.fromOpaque(context).takeUnretainedValue().run()
            }, Unmanaged<AnyWorldRun>.passUnretained(run).toOpaque())
        guard status == 0, let result = run.result else {
            preconditionFailure("no thread for a simulated world: error \(status)")
        }
        return try result.get()
    }

    /// Room for a deep recursion of inline resumptions; only what is touched is real.
    private static let stackByteCount = 64 << 20

    /// Whether the calling thread is this world's.
    var isOnThread: Bool { CSwiftThreadOwner() == Unmanaged.passUnretained(self).toOpaque() }

    private func runGuarded<Output>(_ body: (World) throws -> Output) throws -> Output {
        MainActorTrap.installHooks()
        CSwiftRedirectMachineCalls()
        precondition(Self.processIsSettled, "no database in memory")
        CSwiftGuardThread(Unmanaged.passUnretained(self).toOpaque()) { owner, escape in
            guard let owner, let escape else { return }
            Unmanaged<World>.fromOpaque(owner).takeUnretainedValue().caught(escape)
        }
        CSwiftWatchThread(Unmanaged.passUnretained(self).toOpaque()) { owner, call in
            guard let owner, let call else { return }
            Unmanaged<World>.fromOpaque(owner).takeUnretainedValue().caught(call)
        }
        defer {
            tearDown()
            CSwiftWatchThread(nil, nil)
            CSwiftUnguardThread()
        }
        let output = try body(self)
        if let failure { throw failure }
        return output
    }

    /// What a process asks its machine for once and never again happens outside of the runs:
    ///
    /// - the seed of Swift's hashing, on which no order may depend;
    /// - the seed of SQLite's generator, from which a database takes the start values of its logs'
    ///   checksums. They say which part of a log is whole, and so do others.
    private static let processIsSettled: Bool = {
        _ = Hasher().finalize()
        return (try? StateStore.openInMemory()) != nil
    }()

    private func caught(_ call: UnsafePointer<CSwiftMachineCall>) {
        requireThread()
        guard failure == nil else { return }
        end(.machineAsked(MachineCall(call, on: currentLoop?.description, elapsed: elapsed)))
    }

    private func caught(_ escape: UnsafePointer<CSwiftEscape>) {
        requireThread()
        let isAllowed =
            switch parameters.escapes {
            case .failRun: false
            case .failRunButContinuations: escape.pointee.isContinuation
            case .runOnLoop: true
            }
        if isAllowed, escape.pointee.kind == CSwiftEscapeGlobal, let loop = currentLoop,
            let job = escape.pointee.job
        {
            // Proof: the runtime's `Job *` is all that an `UnownedJob` is, and the hook hands over
            // the job, which is then run once.
            loop.adopt(unsafeBitCast(job, to: UnownedJob.self))
            return
        }
        guard failure == nil else { return }
        end(.jobEscaped(EscapedJob(escape, on: currentLoop?.description, elapsed: elapsed)))
    }
}

/// What the thread is to run, without its types.
private class AnyWorldRun {
    func run() {}
}

private final class WorldRun<Output>: AnyWorldRun {
    private let body: () throws -> Output
    private(set) var result: Result<Output, any Error>?

    init(_ body: @escaping () throws -> Output) {
        self.body = body
    }

    override func run() {
        result = Result(catching: body)
    }
}

/// What the world's thread takes for the main actor's executor.
private final class MainActorTrap: SerialExecutor {
    private static let shared = MainActorTrap()

    static func installHooks() {
        // Proof: an `UnownedSerialExecutor` is two words, the object and its witness table.
        let words = unsafeBitCast(
            UnownedSerialExecutor(ordinary: shared), to: (UInt, UInt).self)
        CSwiftInstallHooks(words.0, words.1)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        CSwiftReportMainExecutorJob(unsafeBitCast(UnownedJob(job), to: UnsafeRawPointer.self))
    }
}
