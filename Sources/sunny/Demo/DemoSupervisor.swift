import Glibc

/// Waits while a demo runs, tells what ends by itself, and ends everything at Ctrl-C.
struct DemoSupervisor {
    let folder: DemoFolder
    let signals: Signals

    /// Returns when all processes have ended.
    func watch() {
        while true {
            let signal = signals.next()
            if signal == SIGCHLD {
                reap()
                // `sunny demo stop` takes the file away when it has ended everything.
                if Files.read(folder.demoFile) == nil { return }
            } else {
                break
            }
        }
        Console.progress("ending (once more to end at once)")
        endAll()
    }

    /// Takes children that have ended off the system's list.
    private func reap() {
        var status: Int32 = 0
        while case let pid = waitpid(-1, &status, WNOHANG), pid > 0 {
            guard let demo = try? folder.readDemo(),
                let ended = demo.processes(in: folder).first(where: { $0.pid == pid })
            else { continue }
            let number = status & 0x7F
            let reason = number == 0 ? "with status \(status >> 8 & 0xFF)" : "by signal \(number)"
            Console.complain(
                "\(ended.id) ended \(reason); start it again: "
                    + "sunny demo restart \(ended.id) --dir \(folder.path)")
        }
    }

    private func endAll() {
        let processes = (try? folder.readDemo())?.processes(in: folder) ?? []
        Files.remove(folder.demoFile)
        // Nodes before the others, so that what is under way can still be answered.
        for group in [processes.filter(\.isNode), processes.filter { !$0.isNode }] {
            for process in group { process.signal(SIGTERM) }
            for process in group { waitOrKill(process) }
        }
    }

    /// A second signal, or more time than the requests under way may take, ends it by force.
    private func waitOrKill(_ process: DemoProcess) {
        for _ in 0..<350 {
            waitpid(process.pid, nil, WNOHANG)
            guard process.isRunning else { return }
            let signal = signals.next(within: 100)
            if let signal, signal != SIGCHLD { break }
        }
        process.signal(SIGKILL)
        _ = process.waitForEnd(seconds: 5)
    }
}

extension DemoProcess {
    fileprivate var isNode: Bool { mark.hasSuffix(".yaml") }
}
