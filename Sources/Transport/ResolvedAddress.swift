import CLibUV
import Environment
import Glibc

/// An IPv4 or IPv6 address with a port, as the system's calls take it.
struct ResolvedAddress {
    private var storage = sockaddr_storage()

    /// Reads a numeric address; nil when the host is a name.
    init?(numeric address: SocketAddress) {
        let status = unsafe clibuv_parse_address(address.host, address.port, &storage)
        guard status == 0 else { return nil }
    }

    /// The resolver's findings, in its order of preference.
    static func all(
        from first: UnsafeMutablePointer<addrinfo>?, port: UInt16
    ) -> [ResolvedAddress] {
        var addresses: [ResolvedAddress] = []
        var next = unsafe first
        // The resolver made this list, which ends with a null pointer.
        while let found = unsafe next {
            var address = ResolvedAddress()
            if unsafe clibuv_copy_address(found, port, &address.storage) == 0 {
                addresses.append(address)
            }
            unsafe next = found.pointee.ai_next
        }
        return addresses
    }

    private init() {}

    /// Lends the address for one call.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>?) -> Result) -> Result {
        unsafe withUnsafePointer(to: storage) { pointer in
            unsafe body(clibuv_sockaddr(pointer))
        }
    }
}
