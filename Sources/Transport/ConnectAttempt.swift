import CLibUV
import Environment

/// One attempt to reach an address, by each of the numeric ones that its name has, in the
/// resolver's order, until one answers or the time is over. Loop only.
///
///     resolving ──addresses──▶ connecting ──connected──▶ finished(stream)
///         │                      │  ▲ ╲
///         │                      └──┘  ╲──the last one failed──▶ finished(error)
///         │             failed, next one                             ▲
///         └──────── no address, the time is over, the loop's end ────┘
final class ConnectAttempt: LoopResident {
    private enum State {
        case new
        case resolving(NameLookup)
        case connecting(TCPHandle, next: [ResolvedAddress])
        case finished
    }

    private let core: LoopCore
    private let closeTimeout: Duration
    private let completion: (Result<any ByteStream, NetworkError>) -> Void
    private var state = State.new
    private var timer: TimerQueue.Identifier?
    private var resident: UInt64?

    init(
        on core: LoopCore, closeTimeout: Duration,
        completion: @escaping (Result<any ByteStream, NetworkError>) -> Void
    ) {
        self.core = core
        self.closeTimeout = closeTimeout
        self.completion = completion
    }

    /// Starts; `completion` is called exactly once, with no other Swift code on the stack.
    func start(_ address: SocketAddress, timeout: Duration) {
        resident = core.add(self)
        timer = core.schedule(after: timeout) { self.finish(.failure(.timedOut)) }
        if let numeric = ResolvedAddress(numeric: address) {
            connect(to: [numeric])
        } else {
            state = .resolving(
                NameLookup.start(address, on: core) { result in self.resolved(result) })
        }
    }

    func loopWillStop() { finish(.failure(.unreachable(reason: "the loop has stopped"))) }

    private func resolved(_ result: Result<[ResolvedAddress], NetworkError>) {
        guard case .resolving = state else { return }
        switch result {
        case .success(let addresses): connect(to: addresses)
        case .failure(let error): finish(.failure(error))
        }
    }

    private func connect(to addresses: [ResolvedAddress]) {
        guard let first = addresses.first else {
            return finish(.failure(.unreachable(reason: "the name has no address")))
        }
        let handle: TCPHandle
        do throws(NetworkError) {
            handle = try TCPHandle(on: core)
        } catch {
            return finish(.failure(error))
        }
        state = .connecting(handle, next: Array(addresses.dropFirst()))
        handle.onConnected = { self.connected(handle, status: $0) }
        let status = handle.connect(to: first)
        if status != 0 { connected(handle, status: status) }
    }

    private func connected(_ handle: TCPHandle, status: Int32) {
        // A handle that was given up reports its cancellation here.
        guard case .connecting(let current, let next) = state, current === handle else { return }
        if status == 0 {
            state = .finished
            finished(.success(UVStream(handle, on: core, closeTimeout: closeTimeout)))
        } else if next.isEmpty {
            finish(.failure(.opening(status: status)))
        } else {
            handle.close()
            connect(to: next)
        }
    }

    /// Gives up what is under way.
    private func finish(_ result: Result<any ByteStream, NetworkError>) {
        switch state {
        case .new: break
        case .resolving(let lookup): lookup.abandon()
        case .connecting(let handle, _): handle.close()
        case .finished: return
        }
        state = .finished
        finished(result)
    }

    private func finished(_ result: Result<any ByteStream, NetworkError>) {
        if let timer { core.cancel(timer) }
        if let resident { core.remove(resident: resident) }
        completion(result)
    }
}
