import CLibUV
import Environment
import Glibc

/// One question to the system's resolver, which answers on libuv's thread pool.
///
/// The request is libuv's from `start` until its callback, and retained for exactly that time.
@safe final class NameLookup: LoopResident {
    private let core: LoopCore
    private let port: UInt16
    private let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
    private var completion: ((Result<[ResolvedAddress], NetworkError>) -> Void)?
    private var resident: UInt64?

    private init(_ address: SocketAddress, on core: LoopCore) {
        self.core = core
        port = address.port
    }

    deinit { unsafe request.deallocate() }

    /// Asks for the addresses of a name. `completion` is called once, later.
    static func start(
        _ address: SocketAddress, on core: LoopCore,
        completion: @escaping (Result<[ResolvedAddress], NetworkError>) -> Void
    ) -> NameLookup {
        let lookup = NameLookup(address, on: core)
        lookup.completion = completion
        unsafe uv_req_set_data(
            clibuv_lookup_base(lookup.request), Unmanaged.passRetained(lookup).toOpaque())
        let status = unsafe clibuv_resolve(
            core.loop, lookup.request, lookupEnded, address.host, 0)
        if status == 0 {
            lookup.resident = core.add(lookup)
        } else {
            core.soon { unsafe lookup.ended(status: status, found: nil) }
            // Without a request there will be no callback to release what was retained for it.
            unsafe Unmanaged.passUnretained(lookup).release()
        }
        return lookup
    }

    /// The system asks on; nobody hears of it.
    func abandon() {
        completion = nil
        loopWillStop()
    }

    func loopWillStop() {
        // Fails when the resolver is at work already. Then its answer is waited for, as it will be
        // written to the request.
        unsafe uv_cancel(clibuv_lookup_base(request))
    }

    /// The system's findings for a name, while the calling thread waits.
    static func wait(
        for address: SocketAddress, on core: LoopCore
    ) -> Result<[ResolvedAddress], NetworkError> {
        // Without a callback libuv resolves within the call and keeps nothing of the request.
        var request = unsafe uv_getaddrinfo_t()
        let status = unsafe clibuv_resolve(core.loop, &request, nil, address.host, AI_PASSIVE)
        guard status == 0 else { return .failure(.unreachable(reason: describe(status: status))) }
        defer { unsafe uv_freeaddrinfo(request.addrinfo) }
        return .success(unsafe ResolvedAddress.all(from: request.addrinfo, port: address.port))
    }

    fileprivate func ended(status: Int32, found: UnsafeMutablePointer<addrinfo>?) {
        if let resident { core.remove(resident: resident) }
        guard let completion else { return }
        self.completion = nil
        if status == 0 {
            completion(.success(unsafe ResolvedAddress.all(from: found, port: port)))
        } else {
            completion(.failure(.unreachable(reason: describe(status: status))))
        }
    }
}

private func lookupEnded(
    _ request: UnsafeMutablePointer<uv_getaddrinfo_t>?, _ status: Int32,
    _ found: UnsafeMutablePointer<addrinfo>?
) {
    guard let request = unsafe request,
        let data = unsafe uv_req_get_data(clibuv_lookup_base(request))
    else { preconditionFailure("a lookup ended without its context") }
    // `start` retained the lookup for this callback, which comes once.
    let lookup = unsafe Unmanaged<NameLookup>.fromOpaque(data).takeRetainedValue()
    unsafe lookup.ended(status: status, found: found)
    unsafe uv_freeaddrinfo(found)
}
