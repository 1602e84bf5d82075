import Cluster
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

    /// Starts who renews the nodes' certificates; nil when there is none.
    func startSigner(
        _ demo: inout DemoSettings
    ) throws(CommandFailure) -> DemoFile.Signer? {
        guard let settings = demo.signer else { return nil }
        _ = try ClusterFiles.authority(of: DemoConfiguration.clusterName, in: folder.authority)
        let ports = folder.portsFile(of: settings.id)
        Files.remove(ports)
        Console.progress("starting \(settings.id)")
        let process = try DemoProcess.start(
            settings.id,
            [
                "cluster", "signer", "--folder", folder.authority, "--listen",
                "127.0.0.1:\(settings.port)", "--admin", "127.0.0.1:\(settings.adminPort)",
            ] + supervision(ports), mark: folder.authority, log: folder.log(of: settings.id))
        let addresses = try waitForAddresses(of: process, ports)
        guard let address = addresses["address"], let admin = addresses["admin"] else {
            throw notReady(process)
        }
        demo.signer?.adminPort = admin.port
        return DemoFile.Signer(
            id: settings.id, address: "\(address)", admin: "http://\(admin)", pid: process.pid)
    }

    /// A node that was started: its addresses are bound, and it may not be ready.
    struct StartedNode {
        let process: DemoProcess
        let admin: SocketAddress
        let file: DemoFile.Node
    }

    /// Writes the configuration of a node and starts it.
    func startNode(
        _ index: Int, of demo: inout DemoSettings
    ) throws(CommandFailure) -> StartedNode {
        let id = demo.nodes[index].id
        let configuration = folder.configuration(of: id)
        try DemoConfiguration.write(index, of: demo, to: folder)
        let ports = folder.portsFile(of: id)
        Files.remove(ports)
        Console.progress("starting \(id)")
        let process = try DemoProcess.start(
            id, ["node", "--config", configuration] + supervision(ports),
            mark: configuration, log: folder.log(of: id))
        let addresses = try waitForAddresses(of: process, ports)
        guard let http = addresses["http"], let admin = addresses["admin"] else {
            throw notReady(process)
        }
        let known = (demo.nodes[index].httpPort, demo.nodes[index].adminPort)
        if known != (http.port, admin.port) {
            demo.nodes[index].httpPort = http.port
            demo.nodes[index].adminPort = admin.port
            // The next start is on the same ports.
            try DemoConfiguration.write(index, of: demo, to: folder)
        }
        return StartedNode(
            process: process, admin: admin,
            file: DemoFile.Node(
                id: id, region: demo.nodes[index].region, http: "http://\(http)",
                admin: "http://\(admin)", pid: process.pid))
    }

    /// Waits for all of them: one alone would wait for a majority.
    func waitUntilReady(_ nodes: [StartedNode]) throws(CommandFailure) {
        for node in nodes { try waitUntilReady(node.process, node.admin) }
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

/// What a demo's node needs before it starts.
enum DemoConfiguration {
    static let clusterName = "demo"

    /// As long as those are that the signer makes: each start makes new ones.
    private static let validity = ValidityArgument.ofSigner.duration

    /// Writes the node's configuration and, in a cluster, a new certificate.
    static func write(
        _ index: Int, of demo: DemoSettings, to folder: DemoFolder
    ) throws(CommandFailure) {
        let node = demo.nodes[index]
        try ClusterFiles.makeVaultKey(at: folder.vaultKey)
        if demo.nodes.count > 1 {
            let authority = try ClusterFiles.authority(of: clusterName, in: folder.authority)
            try ClusterFiles.issue(
                to: node.id, region: node.region, by: authority, for: validity,
                into: folder.credentials(of: node.id))
        }
        let text = try text(node, of: demo, in: folder)
        try Files.write(text, to: folder.configuration(of: node.id))
    }

    private static func text(
        _ node: DemoSettings.Node, of demo: DemoSettings, in folder: DemoFolder
    ) throws(CommandFailure) -> String {
        guard let cluster = UInt64(demo.cluster, radix: 16) else {
            throw CommandFailure(
                .badConfiguration, "this is not what a demo wrote", at: folder.settingsFile,
                remedy: "name another folder, or remove this one")
        }
        let isAlone = demo.nodes.count == 1
        let plan = ClusterPlan(
            cluster: ClusterID(isAlone ? 0 : cluster), ownName: node.id,
            nodes: demo.nodes.map { node in
                ClusterPlan.Node(
                    id: MemberID(node.number), name: node.id, region: node.region,
                    address: local(node.peerPort))
            })
        return NodeFileTemplate(
            heading: "# Written by sunny demo, and written anew when it starts.",
            clusterName: clusterName, plan: plan, jurisdiction: "world",
            dataDirectory: node.id, httpAddress: local(node.httpPort),
            adminAddress: local(node.adminPort), vaultKeyFile: "vault.key",
            credentialFolder: "\(node.id).tls", signer: demo.signer.map { local($0.port) },
            links: demo.acquirers.map {
                NodeFileTemplate.Link(name: $0.id, address: local($0.port))
            }, merchant: demo.keys.section(name: "Demo shop")
        ).text
    }

    private static func local(_ port: UInt16) -> SocketAddress {
        SocketAddress(host: "127.0.0.1", port: port)
    }
}
