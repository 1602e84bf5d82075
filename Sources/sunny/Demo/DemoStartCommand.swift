import ArgumentParser
import Environment
import Glibc
import Operations

struct DemoStartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start a demo (what `sunny demo` does).",
        discussion: """
            EXAMPLE:
              sunny demo --dir /tmp/shop
              sunny demo --nodes 5 --regions 3
              sunny demo --nodes 1 --acquirers 1

            Three regions with a node each and two acquirers, unless it is told otherwise. \
            Ctrl-C ends all of it. Started again with the same folder it has the same keys, ports \
            and payments.
            """)

    @Option(help: "Keep everything in this folder; without it a temporary one goes at the end.")
    var dir: String?

    @Option(help: "How many nodes: 1, 3 or 5. [default: 3]")
    var nodes: Int?

    @Option(help: "How many regions, 1 to 5, and no more than nodes. [default: 3]")
    var regions: Int?

    @Option(help: "How many acquirers, 1 to 8. [default: 2]")
    var acquirers: Int?

    @Flag(help: "Return when everything is ready; `sunny demo stop` ends it.")
    var detach = false

    @Option(
        help:
            "The first node's API port. 0 takes 12111, or a free one when it is taken, and keeps it"
    )
    var httpPort: UInt16 = 0

    private var nodeCount: Int { nodes ?? 3 }
    private var regionCount: Int { regions ?? min(3, nodeCount) }

    func validate() throws {
        guard DemoSettings.nodeCounts.contains(nodeCount) else {
            throw ValidationError(
                "--nodes takes 1, 3 or 5: an even number survives no more failures than one fewer")
        }
        guard (1...min(nodeCount, DemoSettings.regions.count)).contains(regionCount) else {
            throw ValidationError(
                "--regions takes 1 to \(min(nodeCount, DemoSettings.regions.count)) with "
                    + "\(nodeCount) nodes")
        }
        guard (1...8).contains(acquirers ?? 1) else {
            throw ValidationError("--acquirers takes 1 to 8")
        }
    }

    func run() throws {
        let signals = Signals(SIGINT, SIGTERM, SIGHUP, SIGCHLD)
        let folder = try makeFolder()
        guard let supervisor = try FileLock(folder.supervisorLock) else { throw running(folder) }
        try refuseRunning(folder)
        let settings = try settings(folder)
        let demo: DemoFile
        do {
            demo = try start(settings, folder)
        } catch {
            if settings.isTemporary { Files.remove(folder.path) }
            throw error
        }
        Console.print(DemoText.text(demo, folder, program: CommandLine.arguments[0]))
        if detach {
            Console.print(
                "It runs in the background: sunny demo stop --dir \(folder.path) ends it.")
            return
        }
        Console.print("Ctrl-C ends all of it.")
        DemoSupervisor(folder: folder, signals: signals).watch()
        if settings.isTemporary { Files.remove(folder.path) }
        withExtendedLifetime(supervisor) {}
    }

    private func makeFolder() throws(CommandFailure) -> DemoFolder {
        let path: String
        if let dir {
            try Files.makeFolder(dir)
            path = Files.absolute(dir)
        } else {
            var template = Array("/tmp/sunny-demo-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else {
                throw CommandFailure(
                    .unavailable, "no folder can be made", at: "/tmp", remedy: "name one: --dir DIR"
                )
            }
            path = String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
        }
        let folder = DemoFolder(path: path)
        try Files.makeFolder(folder.logs)
        return folder
    }

    private func running(_ folder: DemoFolder) -> CommandFailure {
        CommandFailure(
            .tryAgain, "a demo runs here already", at: folder.path,
            remedy: "end it: sunny demo stop --dir \(folder.path)")
    }

    /// A demo that was detached, or whose supervisor was killed a moment ago.
    private func refuseRunning(_ folder: DemoFolder) throws(CommandFailure) {
        guard Files.read(folder.demoFile) != nil else { return }
        let demo = try folder.readDemo()
        guard !demo.processes(in: folder).contains(where: \.isRunning) else {
            throw running(folder)
        }
        Files.remove(folder.demoFile)
    }

    private func settings(_ folder: DemoFolder) throws(CommandFailure) -> DemoSettings {
        guard var settings = try folder.readSettings() else {
            var settings = try DemoSettings.make(
                nodeCount: nodeCount, regionCount: regionCount, acquirerCount: acquirers ?? 2,
                isTemporary: dir == nil)
            settings.nodes[0].httpPort = httpPort
            for node in settings.nodes {
                try ClusterFiles.allowFirstStart(in: "\(folder.path)/\(node.id)")
            }
            return settings
        }
        let regionsThen = Set(settings.nodes.map(\.region)).count
        for (name, asked, found) in [
            ("nodes", nodes, settings.nodes.count), ("regions", regions, regionsThen),
            ("acquirers", acquirers, settings.acquirers.count),
        ] where asked != nil && asked != found {
            throw CommandFailure(
                .usage, "the demo was made with \(found) \(name)", at: folder.path,
                remedy: "leave --\(name) out, or name another folder")
        }
        if httpPort != 0 { settings.nodes[0].httpPort = httpPort }
        return settings
    }

    /// Starts everything, or nothing.
    private func start(
        _ given: DemoSettings, _ folder: DemoFolder
    ) throws(CommandFailure) -> DemoFile {
        var settings = given
        let launcher = DemoLauncher(folder: folder, isSupervised: !detach)
        var demo = DemoFile(
            apiKey: settings.keys.apiKey, publishableKey: settings.keys.publishableKey, nodes: [],
            acquirers: [])
        do throws(CommandFailure) {
            demo.signer = try launcher.startSigner(&settings)
            for index in settings.acquirers.indices {
                demo.acquirers.append(try launcher.startAcquirer(&settings.acquirers[index]))
            }
            var started: [DemoLauncher.StartedNode] = []
            for index in settings.nodes.indices {
                started.append(
                    index == 0
                        ? try startFirst(&settings, launcher)
                        : try launcher.startNode(index, of: &settings))
                demo.nodes.append(started[index].file)
            }
            try launcher.waitUntilReady(started)
            try folder.write(settings)
            try folder.write(demo)
        } catch {
            for process in demo.processes(in: folder).reversed() { process.end() }
            throw error
        }
        return demo
    }

    /// The port that Stripe's own mock server has is tried first, when no port is asked for.
    private func startFirst(
        _ settings: inout DemoSettings, _ launcher: DemoLauncher
    ) throws(CommandFailure) -> DemoLauncher.StartedNode {
        guard settings.nodes[0].httpPort == 0, LocalSocket.isFree(Self.usualPort) else {
            return try launcher.startNode(0, of: &settings)
        }
        do throws(CommandFailure) {
            settings.nodes[0].httpPort = Self.usualPort
            return try launcher.startNode(0, of: &settings)
        } catch {
            // Somebody may have taken the port meanwhile.
            guard !LocalSocket.isFree(Self.usualPort) else { throw error }
            settings.nodes[0].httpPort = 0
            return try launcher.startNode(0, of: &settings)
        }
    }

    private static let usualPort: UInt16 = 12_111
}

extension DemoFile {
    /// What runs, nodes first: the order to end it in.
    func processes(in folder: DemoFolder) -> [DemoProcess] {
        nodes.map { DemoProcess(id: $0.id, pid: $0.pid, mark: folder.configuration(of: $0.id)) }
            + acquirers.map {
                DemoProcess(id: $0.id, pid: $0.pid, mark: folder.journal(of: $0.id))
            }
            + (signer.map { [DemoProcess(id: $0.id, pid: $0.pid, mark: folder.authority)] } ?? [])
    }

    func process(_ id: String, in folder: DemoFolder) throws(CommandFailure) -> DemoProcess {
        guard let process = processes(in: folder).first(where: { $0.id == id }) else {
            throw CommandFailure(
                .usage, "the demo has no \(id)", at: folder.path,
                remedy: "it has \(ids.joined(separator: ", "))")
        }
        return process
    }
}
