import Glibc
import Primitives

/// The machine's clocks, read afresh at every call.
enum SystemClock {
    /// `CLOCK_BOOTTIME`: goes on while the machine sleeps, and never back.
    static func bootTime() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: nanoseconds(of: CLOCK_BOOTTIME))
    }

    /// `CLOCK_REALTIME`: civil time, which may jump.
    static func civilTime() -> Timestamp {
        Timestamp(milliseconds: nanoseconds(of: CLOCK_REALTIME) / 1_000_000)
    }

    private static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        // The pointer is to a local that outlives the call.
        let status = unsafe clock_gettime(clock, &time)
        precondition(status == 0, "clock \(clock) cannot be read: errno \(errno)")
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
