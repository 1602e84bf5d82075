import Environment
import Glibc
import Operations
import Primitives

/// Starts the processes of a demo, and waits until they are ready.
struct DemoLauncher: Sendable {
    let folder: DemoFolder
    /// Whether the processes end with the holder of the supervisor's lock.
    let isSupervised: Bool

    /// How long a start may take: a long journal is to be read.
    private static let startSecondsMax = 60

    func startAcquirer(
        _ settings: inout DemoSettings.Acquirer
    ) throws(CommandFailure) -> DemoFile.Acquirer {
        let journal = folder.journal(of: settings.id)
        let ports = folder.portsFile(of: settings.id)
        Files.remove(ports)
        Console.progress("starting \(settings.id)")
        let process = try DemoProcess.start(
            settings.id,
            [
                "acquirer", "--id", settings.id, "--listen", "127.0.0.1:\(settings.port)",
                "--control", "127.0.0.1:\(settings.controlPort)", "--journal", journal,
            ] + supervision(ports), mark: journal, log: folder.log(of: settings.id))
        let addresses = try waitForAddresses(of: process, ports)
        guard let address = addresses["address"], let control = addresses["control"] else {
            throw notReady(process)
        }
        (settings.port, settings.controlPort) = (address.port, control.port)
        return DemoFile.Acquirer(
            id: settings.id, address: "\(address)", control: "\(control)", journal: journal,
            pid: process.pid)
    }

    /// Writes the node's configuration and starts it.
    func startNode(
        _ settings: inout DemoSettings.Node, of demo: DemoSettings
    ) throws(CommandFailure) -> DemoFile.Node {
        let configuration = folder.configuration(of: settings.id)
        try Files.write(DemoConfiguration.text(settings, of: demo), to: configuration)
        let ports = folder.portsFile(of: settings.id)
        Files.remove(ports)
        Console.progress("starting \(settings.id)")
        let process = try DemoProcess.start(
            settings.id, ["node", "--config", configuration] + supervision(ports),
            mark: configuration, log: folder.log(of: settings.id))
        let addresses = try waitForAddresses(of: process, ports)
        guard let http = addresses["http"], let admin = addresses["admin"] else {
            throw notReady(process)
        }
        try waitUntilReady(process, admin)
        if (settings.httpPort, settings.adminPort) != (http.port, admin.port) {
            (settings.httpPort, settings.adminPort) = (http.port, admin.port)
            // The next start is on the same ports.
            try Files.write(DemoConfiguration.text(settings, of: demo), to: configuration)
        }
        return DemoFile.Node(
            id: settings.id, region: demo.region, http: "http://\(http)",
            admin: "http://\(admin)", pid: process.pid)
    }

    private func supervision(_ ports: String) -> [String] {
        let lock = isSupervised ? ["--supervisor-lock", folder.supervisorLock] : []
        return ["--ports-file", ports] + lock
    }

    private func waitForAddresses(
        of process: DemoProcess, _ path: String
    ) throws(CommandFailure) -> [String: SocketAddress] {
        for _ in 0..<(Self.startSecondsMax * 100) {
            if let bytes = Files.read(path), let texts = JSON.decode([String: String].self, bytes) {
                return texts.compactMapValues { SocketAddress($0) }
            }
            try checkAlive(process)
            usleep(10_000)
        }
        throw notReady(process)
    }

    private func waitUntilReady(
        _ process: DemoProcess, _ admin: SocketAddress
    ) throws(CommandFailure) {
        for _ in 0..<(Self.startSecondsMax * 50) {
            if let answer = try? LocalHTTP.get("/readyz", from: admin), answer.status == 200 {
                return
            }
            try checkAlive(process)
            usleep(20_000)
        }
        throw notReady(process)
    }

    /// Between the fork and the new program the arguments are still ours, so a child counts as
    /// alive until it has been waited for.
    private func checkAlive(_ process: DemoProcess) throws(CommandFailure) {
        var status: Int32 = 0
        guard waitpid(process.pid, &status, WNOHANG) == process.pid else { return }
        throw CommandFailure(
            .unavailable,
            "\(process.id) ended while it started:\n\(folder.logTail(of: process.id))",
            remedy: "its log is \(folder.log(of: process.id))")
    }

    private func notReady(_ process: DemoProcess) -> CommandFailure {
        process.end()
        return CommandFailure(
            .tryAgain,
            "\(process.id) is not ready after \(Self.startSecondsMax) seconds:\n"
                + folder.logTail(of: process.id),
            remedy: "its log is \(folder.log(of: process.id))")
    }
}

/// The configuration of a demo's node.
enum DemoConfiguration {
    static func text(_ node: DemoSettings.Node, of demo: DemoSettings) -> String {
        let links = demo.acquirers.map { acquirer in
            """
              - name: \(acquirer.id)
                address: 127.0.0.1:\(acquirer.port)
                mode: test
            """
        }.joined(separator: "\n")
        return """
            # Written by sunny demo, and written anew when it starts.
            cluster:
              name: demo
            environment: development
            node:
              name: \(node.id)
              region: \(demo.region)
              jurisdiction: eu
              data_directory: \(node.id)
              shards: 4
            listen:
              http: 127.0.0.1:\(node.httpPort)
              admin: 127.0.0.1:\(node.adminPort)
            vault:
              software:
                key_file: \(node.id).key
            links:
            \(links)
            merchants:
              - id: \(demo.merchant)
                name: Demo shop
                mode: test
                secret_key_digests:
                  - \(DemoKeys.digest(of: demo.apiKey))
                publishable_key: \(demo.publishableKey)
            fees:
              basis_points: 290
              fixed_minor_units: 30

            """
    }
}
