import Cluster
import Environment
import Gateway
import Glibc
import Node
import Operations
import Primitives
import SecureLink
import Testing
import Topology

/// A node of three; tests change a line of it.
private let sound = """
    cluster:
      name: three
      id: 00ff
      nodes:
        - name: eu-1
          id: 1
          region: eu
          address: 10.0.0.1:7001
        - name: us-1
          id: 2
          region: us
          address: "[fd00::2]:7001"
        - name: ap-1
          id: 7
          region: ap
          address: ap.example.com:7001
      tls:
        folder: tls
    environment: development
    node:
      name: us-1
      jurisdiction: world
      data_directory: data
    listen:
      http: 127.0.0.1:8080
      admin: 127.0.0.1:8081
    vault:
      software:
        key_file: vault.key
    links:
      - name: acquirer
        address: localhost:8583
        mode: test
    merchants:
      - id: acct_0000000000000demo
        mode: test
        secret_key_digests:
          - 0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF
    """

private func failure(of text: String) -> CommandFailure? {
    do throws(CommandFailure) {
        _ = try NodeFile(path: "etc/node.yaml", text: text)
        return nil
    } catch {
        return error
    }
}

@Test("A cluster's nodes are read, and this one is found by its name")
func readsCluster() throws {
    let file = try NodeFile(path: "etc/node.yaml", text: sound)
    #expect(file.clusterName == "three")
    #expect(file.plan.cluster == ClusterID(0xFF))
    #expect(file.plan.own.id == MemberID(2))
    #expect(file.plan.nodes.map(\.profile.name) == ["eu-1", "us-1", "ap-1"])
    #expect(file.plan.nodes.map { $0.id?.rawValue } == [1, 2, 7])
    #expect(file.plan.others.map(\.address.port) == [7001, 7001])
    #expect(file.plan.own.address == SocketAddress(host: "fd00::2", port: 7001))
    #expect(file.plan.replicaCount == 5)
    // Without node.region it is the one that stands in the list.
    #expect(file.configuration.region == "us")
    #expect(file.configuration.shardCount == 4)
    #expect(file.credentials?.files == LinkCredentialFiles(folder: "etc/tls"))
    #expect(file.credentials?.place == "etc/node.yaml:18")
}

@Test("Certificate, key and authorities may be anywhere")
func readsFilesOfCertificate() throws {
    let tls = "tls: {certificate: /a/node.pem, key: b.key, authorities: /c/all.pem}"
    let text = sound.replacing("tls:\n    folder: tls", with: tls)
    let files = try #require(try NodeFile(path: "etc/node.yaml", text: text).credentials?.files)
    #expect(files.certificate == "/a/node.pem")
    #expect(files.key == "etc/b.key")
    #expect(files.authorities == "/c/all.pem")
}

@Test("Where certificates are renewed is read, shown, and passed on to nodes that join")
func readsSigner() throws {
    #expect(try NodeFile(path: "node.yaml", text: sound).credentials?.signer == nil)
    let signer = try #require(SocketAddress("10.0.8.1:7100"))
    let text = sound.replacing("folder: tls", with: "folder: tls\n    signer: 10.0.8.1:7100")
    let file = try NodeFile(path: "/etc/node.yaml", text: text)
    #expect(file.credentials?.signer == signer)
    #expect(file.credentials?.files == LinkCredentialFiles(folder: "/etc/tls"))
    let shown = file.effective.yaml.split(separator: "\n").filter { $0.contains("signer:") }
    #expect(shown.count == 1 && shown[0].contains("10.0.8.1:7100"))
    let new = ClusterPlan.Node(
        id: nil, name: "eu-2", region: "eu", address: SocketAddress(host: "10.0.0.9", port: 7001))
    let tree = file.joined(
        by: new, asking: file.plan.nodes, http: signer, admin: signer)
    let passed = tree.yaml.split(separator: "\n").filter { $0.contains("signer:") }
    #expect(passed == shown)
}

@Test("A node without a list of nodes is alone")
func readsLoneNode() throws {
    let begin = try #require(sound.range(of: "  id: 00ff"))
    let end = try #require(sound.range(of: "environment"))
    let alone = sound.replacingCharacters(
        begin.lowerBound..<end.lowerBound, with: ""
    ).replacing("  name: us-1", with: "  name: us-1\n  region: us")
    let file = try NodeFile(path: "node.yaml", text: alone)
    #expect(file.plan.isUnnamed)
    #expect(file.plan.others.isEmpty)
    #expect(file.credentials == nil)
}

@Test(
    "What is wrong with a cluster is refused with its line and what helps",
    arguments: [
        ("  id: 00ff", "  id: 00fg", 3, "cluster.id must be 1 to 16 hexadecimal digits"),
        ("  id: 00ff", "  id: 0", 3, "cluster.id must be 1 to 16 hexadecimal digits"),
        ("  id: 00ff\n", "", 2, "cluster.id is missing"),
        ("  id: 00ff", "  idd: 00ff", 3, "unknown key cluster.idd"),
        ("name: three", "name: Three", 2, "cluster.name: certificates name clusters in lower"),
        ("  region: eu\n", "  regio: eu\n", 7, "unknown key cluster.nodes[0].regio"),
        ("  id: 00ff\n", "  id: 00ff\n  replicas: 4\n", 4, "cluster.replicas: 4 lose no more"),
        ("  id: 00ff\n", "  id: 00ff\n  replicas: 9\n", 4, "cluster.replicas must be a number"),
        ("id: 7", "id: 2", 14, "cluster.nodes[2].id: us-1 has the number 2 too"),
        ("id: 7", "id: 0", 14, "cluster.nodes[2].id must be a number from 1"),
        ("- name: ap-1", "- name: us-1", 13, "cluster.nodes[2].name: two nodes are called us-1"),
        ("ap.example.com", "10.0.0.1", 16, "cluster.nodes[2].address: eu-1 has the address"),
        ("ap.example.com:7001", "10.0.0.3:0", 16, "cluster.nodes[2].address must be a host"),
        ("  name: us-1\n  j", "  name: us1\n  j", 21, "node.name: cluster.nodes has no us1"),
        ("  jurisdiction", "  region: eu\n  jurisdiction", 22, "node.region: cluster.nodes says"),
        ("folder: tls", "folder: tls\n    key: k", 19, "cluster.tls.key: the folder says already"),
        ("    folder: tls", "    certificate: c", 18, "cluster.tls.key is missing"),
        ("  tls:\n    folder: tls\n", "", 2, "cluster.tls is missing"),
        ("folder: tls", "folder: tls\n    signer: here", 19, "cluster.tls.signer must be where"),
        ("folder: tls", "folder: tls\n    signer: a:0", 19, "cluster.tls.signer must be where"),
        ("region: us", "region: authority", 11, "cluster.nodes[1].region: the authority's own"),
        (
            "listen:\n  http: 127.0.0.1:8080",
            "insecure_listen: true\nlisten:\n  http: \"[fd00::2]:7001\"", 26, "listen.http: "
        ),
        (
            "listen:\n  http: 127.0.0.1:8080",
            "insecure_listen: true\nlisten:\n  http: \"[::]:7001\"", 26,
            "listen.http: [::]:7001 is also where peers reach this node"
        ),
        ("127.0.0.1:8081", "127.0.0.1:8080", 26, "listen.admin: 127.0.0.1:8080 is also where m"),
        ("127.0.0.1:8081", "localhost:8080", 26, "listen.admin: localhost:8080 is also where m"),
        (
            "ap.example.com:7001", "127.0.0.1:8080", 25,
            "listen.http: 127.0.0.1:8080 is also where peers reach ap-1"
        ),
        (
            "ap.example.com:7001", "localhost:8081", 26,
            "listen.admin: 127.0.0.1:8081 is also where peers reach ap-1"
        ),
    ])
func refusesCluster(part: String, other: String, line: Int, message: String) throws {
    #expect(sound.contains(part))
    let found = try #require(failure(of: sound.replacing(part, with: other)))
    #expect(found.what.hasPrefix(message), "\(found)")
    #expect(found.place == "etc/node.yaml:\(line)", "\(found)")
    #expect(found.status == .badConfiguration)
    #expect(!found.remedy.isEmpty)
}

@Test("Listeners of one machine collide where one takes the other's connections")
func findsCollisions() throws {
    func collide(_ one: String, _ other: String) throws -> Bool {
        let pair = [try #require(SocketAddress(one)), try #require(SocketAddress(other))]
        #expect(pair[0].collides(with: pair[1]) == pair[1].collides(with: pair[0]))
        return pair[0].collides(with: pair[1])
    }
    #expect(try collide("127.0.0.1:1", "127.0.0.1:1"))
    #expect(try collide("localhost:1", "[::1]:1"))
    #expect(try collide("0.0.0.0:1", "10.0.0.1:1"))
    #expect(try collide("[::]:1", "10.0.0.1:1"))
    #expect(try !collide("127.0.0.1:1", "127.0.0.1:2"))
    #expect(try !collide("127.0.0.1:1", "10.0.0.1:1"))
    #expect(try !collide("0.0.0.0:1", "[::1]:1"))
    // The system finds two that are free.
    #expect(try !collide("127.0.0.1:0", "127.0.0.1:0"))
}

@Test("The nearest node is named where this one is not in the list")
func namesNearestNode() {
    let slip = failure(of: sound.replacing("  name: us-1\n  j", with: "  name: us1\n  j"))
    #expect(slip?.remedy == "did you mean us-1?")
    let stranger = failure(of: sound.replacing("  name: us-1\n  j", with: "  name: berlin\n  j"))
    #expect(stranger?.remedy == "its nodes are eu-1, us-1, ap-1")
}

@Test("A cluster has one to sixteen nodes", arguments: [0, 1, 2, 3, 16, 17])
func countsNodes(count: Int) throws {
    let nodes = (0..<count).map { number in
        "    - {name: n\(number), id: \(number + 1), region: eu, address: \"10.0.0.\(number):1\"}"
    }
    let begin = try #require(sound.range(of: "  nodes:"))
    let end = try #require(sound.range(of: "  tls:"))
    let list = count == 0 ? "  nodes: []\n" : "  nodes:\n\(nodes.joined(separator: "\n"))\n"
    let text = sound.replacingCharacters(begin.lowerBound..<end.lowerBound, with: list)
        .replacing("  name: us-1\n", with: "  name: n0\n")
    let found = failure(of: text)
    if (1...16).contains(count) {
        #expect(found == nil, "\(found!)")
    } else {
        #expect(found?.what.hasPrefix("cluster.nodes: ") == true)
        #expect(found?.remedy == "list 1 to 16 nodes")
    }
}

@Test("A node without an id joins, and one that has nobody to join is refused")
func readsJoiningNode() throws {
    let file = try NodeFile(path: "n.yaml", text: sound.replacing("      id: 2\n", with: ""))
    #expect(file.plan.own.id == nil)
    #expect(file.plan.foundingSeat(shardCount: 4, token: 1) == nil)
    #expect(file.plan.others.count == 2)
    let begin = try #require(sound.range(of: "  nodes:"))
    let end = try #require(sound.range(of: "  tls:"))
    let list = "  nodes:\n    - {name: us-1, region: us, address: \"10.0.0.1:1\"}\n"
    let text = sound.replacingCharacters(begin.lowerBound..<end.lowerBound, with: list)
    #expect(failure(of: text)?.what.contains("there is nobody that it could join") == true)
}

@Test("The file of a node that joins is like the others', with what is its own")
func writesJoiningFile() throws {
    let file = try NodeFile(path: "/etc/node.yaml", text: sound)
    let new = ClusterPlan.Node(
        id: nil, name: "eu-2", region: "eu", zone: "b", jurisdiction: "world",
        address: SocketAddress(host: "10.0.0.9", port: 7001))
    let tree = file.joined(
        by: new, asking: file.plan.nodes, http: SocketAddress("127.0.0.1:9")!,
        admin: SocketAddress("127.0.0.1:10")!)
    let text = tree.yaml.replacing("    name: \"\"\n", with: "")
        .replacing("    publishable_key: \"\"\n", with: "")
    let joined = try NodeFile(path: "/shop/eu-2/node.yaml", text: text)
    #expect(joined.plan.own == new)
    #expect(joined.plan.others == file.plan.nodes)
    #expect(joined.plan.replicaCount == file.plan.replicaCount)
    #expect(joined.configuration.merchants == file.configuration.merchants)
    #expect(joined.configuration.shardCount == file.configuration.shardCount)
    #expect(joined.configuration.dataDirectory == "/shop/eu-2/data")
    #expect(joined.credentials?.files == LinkCredentialFiles(folder: "/shop/eu-2/tls"))
}

@Test(
    "What is for several nodes is refused where there are none",
    arguments: ["id: ff", "tls: {}", "replicas: 3"])
func refusesClusterKeysAlone(key: String) throws {
    let begin = try #require(sound.range(of: "  id: 00ff"))
    let end = try #require(sound.range(of: "environment"))
    let text = sound.replacingCharacters(begin.lowerBound..<end.lowerBound, with: "  \(key)\n")
    #expect(failure(of: text)?.what.contains("the cluster has no nodes") == true)
}

// MARK: Examples, and what is shown of a file

@Test(
    "Every example is right",
    arguments: ["single.yaml", "demo.yaml", "five-nodes.yaml", "three-regions.yaml"])
func readsExamples(name: String) throws {
    let file = try example(name)
    #expect(!file.configuration.links.isEmpty)
    let counts = ["single.yaml": 1, "demo.yaml": 3, "five-nodes.yaml": 5]
    #expect(file.plan.nodes.count == counts[name] ?? 9)
}

@Test("No example is left out")
func knowsEveryExample() throws {
    let folder = try #require(opendir(exampleFolder))
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if !name.hasPrefix(".") { names.append(name) }
    }
    #expect(
        names.sorted() == ["demo.yaml", "five-nodes.yaml", "single.yaml", "three-regions.yaml"])
}

@Test("What is shown has every default, is read again, and hides digests")
func showsEffectiveConfiguration() throws {
    let file = try NodeFile(path: "/etc/node.yaml", text: sound)
    let shown = file.effective.yaml
    #expect(shown.contains("shards: 4"))
    #expect(shown.contains("quiet_period: 1s"))
    #expect(shown.contains("key: /etc/tls/node.key"))
    #expect(shown.contains("secret_key_digests:\n      - \"***\""))
    #expect(!shown.contains("0123456789abcdef"))
    let digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
    let again = try NodeFile(
        path: "/elsewhere/node.yaml",
        text: shown.replacing("\"***\"", with: digest)
            .replacing("    name: \"\"\n", with: "")
            .replacing("    publishable_key: \"\"\n", with: ""))
    #expect(again.effective == file.effective)
    #expect(again.plan == file.plan)
}

@Test("What a template writes is read as it was meant")
func readsTemplate() throws {
    let file = try NodeFile(path: "/etc/node.yaml", text: sound)
    let digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    let template = NodeFileTemplate(
        heading: "# Hello.", clusterName: "three", plan: file.plan, jurisdiction: "world",
        dataDirectory: "data", shardCount: 9, httpAddress: SocketAddress("127.0.0.1:1")!,
        adminAddress: SocketAddress("[::1]:2")!, vaultKeyFile: "vault.key",
        credentialFolder: "tls", signer: SocketAddress("[fd00::8]:7100")!,
        links: ["a", "b"].map {
            NodeFileTemplate.Link(name: $0, address: SocketAddress("[::1]:8583")!)
        },
        merchant: NodeFileTemplate.Merchant(
            id: "acct_0000000000000demo", name: "Shop", keyDigest: digest,
            publishableKey: "pk_test_1"))
    let written = try NodeFile(path: "/etc/node.yaml", text: template.text)
    #expect(written.plan == file.plan)
    #expect(written.configuration.shardCount == 9)
    #expect(written.configuration.links.map(\.name) == ["a", "b"])
    #expect(written.credentials?.files == file.credentials?.files)
    #expect(written.credentials?.signer == SocketAddress("[fd00::8]:7100")!)
    var alone = template
    alone.plan = .alone(name: "one", region: "eu")
    #expect(try NodeFile(path: "node.yaml", text: alone.text).plan.isUnnamed)
}

private let exampleFolder =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/ClusterConfigs"

private func example(_ name: String) throws(CommandFailure) -> NodeFile {
    let path = "\(exampleFolder)/\(name)"
    return try NodeFile(path: path, text: contents(of: path))
}

extension String {
    fileprivate func range(of part: String) -> Range<Index>? { firstRange(of: part) }

    fileprivate func replacingCharacters(_ range: Range<Index>, with other: String) -> String {
        var text = self
        text.replaceSubrange(range, with: other)
        return text
    }
}
