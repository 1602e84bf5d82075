import CLibUV
import Environment
import Glibc

/// Why the operating system refused something that a loop or thread needs.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operation, as its C function is called: `uv_loop_init`, `pthread_create`.
    public let operation: String
    /// The `errno` value, positive.
    public let code: Int32
    /// What the system says of the code.
    public let reason: String

    /// From a libuv status, which is a negated `errno`.
    init(operation: String, status: Int32) {
        self.operation = operation
        code = -status
        reason = describe(status: status)
    }

    public var description: String { "\(operation): \(reason) (errno \(code))" }
}

/// What libuv says of a status.
func describe(status: Int32) -> String {
    // The string is a literal of libuv's for a status that it knows, and all of ours come from it.
    unsafe String(cString: uv_strerror(status))
}

extension NetworkError {
    /// Why a stream could not be had, from libuv's status.
    static func opening(status: Int32) -> NetworkError {
        switch status {
        case UV_ECONNREFUSED.rawValue: .refused
        case UV_ETIMEDOUT.rawValue: .timedOut
        default: .unreachable(reason: describe(status: status))
        }
    }

    /// Why a stream that was open broke, from libuv's status.
    static func broken(status: Int32) -> NetworkError {
        switch status {
        case UV_ETIMEDOUT.rawValue: .timedOut
        default: .reset(reason: describe(status: status))
        }
    }
}
