public import Environment
import Glibc

/// Ends the real process.
///
/// It writes one line to standard error and leaves by `_exit`, which runs no exit handler, flushes
/// no buffer and waits for no thread: each of those might still send an acknowledgement or write
/// a file in a process that has just found out that it must not be believed. What matters is in the
/// journal, from which the next start recovers.
public struct ProcessHalt: NodeHalt {
    /// The exit status: `EX_SOFTWARE` of `sysexits.h`.
    public static let exitStatus: Int32 = 70

    public init() {}

    /// Does not return.
    public func halt(_ reason: String) {
        let oneLine = String(reason.map { $0.isNewline ? " " : $0 })
        var rest = Array("sunny: halted: \(oneLine)\n".utf8)[...]
        while !rest.isEmpty {
            // The bytes are lent for the call. A line that cannot be written is given up.
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                break
            }
        }
        _exit(Self.exitStatus)
    }
}
