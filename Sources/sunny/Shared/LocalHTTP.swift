import Environment

/// Requests to the admin ports of nodes on this machine, blocking.
enum LocalHTTP {
    enum Failure: Error {
        /// Nobody listens there, or whoever does fell silent.
        case noAnswer
        case malformed
    }

    struct Answer {
        let status: Int
        let body: [UInt8]
    }

    /// - Parameter seconds: how long each step may take.
    static func get(
        _ path: String, from address: SocketAddress, seconds: Int = 5
    ) throws(Failure) -> Answer {
        try exchange("GET", path, "", with: address, seconds: seconds)
    }

    /// Without a body.
    static func post(_ path: String, to address: SocketAddress) throws(Failure) -> Answer {
        try exchange("POST", path, "Content-Length: 0\r\n", with: address, seconds: 10)
    }

    private static func exchange(
        _ method: String, _ path: String, _ fields: String, with address: SocketAddress,
        seconds: Int
    ) throws(Failure) -> Answer {
        let request =
            "\(method) \(path) HTTP/1.1\r\nHost: \(address)\r\n\(fields)"
            + "Connection: close\r\n\r\n"
        guard let bytes = LocalSocket.exchange(request, with: address, seconds: seconds) else {
            throw .noAnswer
        }
        return try answer(in: bytes)
    }

    private static func answer(in bytes: [UInt8]) throws(Failure) -> Answer {
        let separator = Array("\r\n\r\n".utf8)
        guard let end = bytes.firstRange(of: separator) else { throw .noAnswer }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
        let words = head.prefix { $0 != "\r\n" }.split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw .malformed }
        let body = bytes[end.upperBound...]
        guard head.contains("transfer-encoding: chunked") else {
            return Answer(status: status, body: Array(body))
        }
        return Answer(status: status, body: try unchunked(body))
    }

    /// RFC 9112, section 7.1, without extensions and trailers.
    private static func unchunked(_ bytes: ArraySlice<UInt8>) throws(Failure) -> [UInt8] {
        var rest = bytes
        var body: [UInt8] = []
        while let line = rest.firstRange(of: Array("\r\n".utf8)) {
            let digits = String(decoding: rest[..<line.lowerBound], as: UTF8.self)
            guard let count = Int(digits, radix: 16), count >= 0 else { throw .malformed }
            if count == 0 { return body }
            rest = rest[line.upperBound...]
            guard rest.count >= count + 2 else { throw .malformed }
            body += rest.prefix(count)
            rest = rest.dropFirst(count + 2)
        }
        // The sender broke off: half a list must not be taken for the whole.
        throw .noAnswer
    }
}
