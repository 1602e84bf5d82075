import Environment
import Glibc

/// Blocking TCP to processes on this machine.
enum LocalSocket {
    /// Connects, sends `text`, ends the sending side where `endsSending`, and returns all that
    /// comes until the other side closes; nil when nobody listens or a step takes more than
    /// `seconds`.
    static func exchange(
        _ text: String, with address: SocketAddress, endsSending: Bool = false, seconds: Int
    ) -> [UInt8]? {
        guard let descriptor = connect(to: address, seconds: seconds) else { return nil }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            return nil
        }
        if endsSending { shutdown(descriptor, Int32(SHUT_WR)) }
        return receiveAll(descriptor)
    }

    /// Whether somebody could listen on the loopback's port now.
    static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        return withName(SocketAddress(host: "127.0.0.1", port: port)) {
            bind(descriptor, $0, $1) == 0 && listen(descriptor, 1) == 0
        }
    }

    /// Ports of the loopback that are free now and differ; nil when not so many were found. They
    /// are below those that the system gives to outgoing connections, so that they stay free.
    static func freePorts(_ count: Int) -> [UInt16]? {
        var ports: [UInt16] = []
        for _ in 0..<(count * 100) where ports.count < count {
            let port = UInt16.random(in: 20_000..<32_000)
            if !ports.contains(port), isFree(port) { ports.append(port) }
        }
        return ports.count == count ? ports : nil
    }

    /// A connection over the loopback with its two ends, each without delay; nil when the system
    /// gives none.
    static func pair() -> (Int32, Int32)? {
        let (listener, client) = (
            socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0),
            socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        )
        defer { close(listener) }
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isConnected = withName(SocketAddress(host: "127.0.0.1", port: 0)) { address, count in
            guard bind(listener, address, count) == 0, listen(listener, 1) == 0 else {
                return false
            }
            return withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    getsockname(listener, $0, &size) == 0
                        && Glibc.connect(client, $0, size) == 0
                }
            }
        }
        let accepted = isConnected ? accept(listener, nil, nil) : -1
        guard accepted >= 0 else {
            close(client)
            return nil
        }
        for end in [client, accepted] {
            var isOn: Int32 = 1
            setsockopt(
                end, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn,
                socklen_t(MemoryLayout<Int32>.size))
        }
        return (client, accepted)
    }

    /// A connection to the first that takes one of the addresses that the host has: a listener is
    /// at one of them only, where a name such as localhost has an IPv4 and an IPv6 address.
    private static func connect(to address: SocketAddress, seconds: Int) -> Int32? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, "\(address.port)", &hints, &found) == 0 else { return nil }
        defer { freeaddrinfo(found) }
        var next = found
        while let candidate = next?.pointee {
            if let descriptor = connect(to: candidate, seconds: seconds) { return descriptor }
            next = candidate.ai_next
        }
        return nil
    }

    private static func connect(to candidate: addrinfo, seconds: Int) -> Int32? {
        let descriptor = socket(
            candidate.ai_family, candidate.ai_socktype, candidate.ai_protocol)
        guard descriptor >= 0 else { return nil }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let limitSize = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, limitSize)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, limitSize)
        guard Glibc.connect(descriptor, candidate.ai_addr, candidate.ai_addrlen) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Lends the address as the system writes it; false when it is not a numeric IPv4 address.
    private static func withName(
        _ address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = address.port.bigEndian
        guard inet_pton(AF_INET, address.host, &name.sin_addr) == 1 else { return false }
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func receiveAll(_ descriptor: Int32) -> [UInt8]? {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 { return received }
            if count > 0 {
                received += buffer[..<count]
            } else if errno != EINTR {
                return nil
            }
        }
    }
}
