public import Primitives

/// An HTTP request as the ingress hands it over, free of any server library's types.
///
/// Body and headers hold card numbers and keys: neither description nor reflection shows them.
public struct APIRequest: Sendable, CustomStringConvertible, CustomReflectable {
    /// `GET`, `POST`, … in upper case.
    public let method: String
    /// The path without the query, percent-encoded as it was received.
    public let path: String
    /// What stood behind the question mark, still encoded; empty when there was none.
    public let query: String
    /// In the order received; names in lower case.
    public let headers: [(name: String, value: String)]
    /// Wiped once its parameters are read.
    public let body: SensitiveBytes
    /// When the request's head arrived: the deadline counts from here.
    public let receivedAt: MonotonicInstant
    /// The caller's address, where the ingress knows it.
    public let remoteAddress: String?

    public init(
        method: String, path: String, query: String = "",
        headers: [(name: String, value: String)], body: SensitiveBytes = SensitiveBytes(),
        receivedAt: MonotonicInstant, remoteAddress: String? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.receivedAt = receivedAt
        self.remoteAddress = remoteAddress
    }

    /// The first header of that lower-case name.
    func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// The method, if it has the form of one: it is repeated in messages, and could be anything.
    var shownMethod: String {
        let isWord = method.utf8.allSatisfy { (0x41...0x5A).contains($0) }
        return isWord && method.utf8.count <= 16 ? method : "?"
    }

    public var description: String { "an API request of \(body.count) bytes" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What goes back to the caller.
public struct APIResponse: Sendable {
    public let status: Int
    /// In the order to be sent.
    public let headers: [(name: String, value: String)]
    /// JSON in UTF-8.
    public let body: [UInt8]

    public init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The bounds of the API.
public struct MerchantAPILimits: Sendable {
    /// How long a caller waits at most, from the arrival of its request.
    public var deadline: Duration
    /// Requests that may be under way at once on this node; beyond it callers are told to come
    /// back. Each holds at most a body and its parameters, so this bounds memory to about 1 GiB.
    public var requestsInFlightMax: Int

    public init(deadline: Duration = .seconds(25), requestsInFlightMax: Int = 4096) {
        self.deadline = deadline
        self.requestsInFlightMax = requestsInFlightMax
    }
}
