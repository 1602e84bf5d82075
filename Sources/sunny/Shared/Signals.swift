import Glibc

/// The signals that a command waits for on the main thread.
///
/// They are blocked before the first other thread begins, so that they come here and nowhere else.
struct Signals {
    private var set = sigset_t()

    init(_ numbers: Int32...) {
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for the next one.
    func next() -> Int32 {
        var set = set
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    /// Waits for the next one; nil after `milliseconds`.
    func next(within milliseconds: Int) -> Int32? {
        var set = set
        var limit = timespec(
            tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
        let number = sigtimedwait(&set, nil, &limit)
        return number > 0 ? number : nil
    }

    /// The exit status of a process that a signal ends, as shells tell it.
    static func status(of number: Int32) -> Int32 { 128 + number }
}

/// Ends the process without running exit handlers: other threads still work, and what they use must
/// not be taken down under them. Everything that matters is on disk, or written to a descriptor.
func endProcess(_ status: Int32) -> Never {
    _exit(status)
}
