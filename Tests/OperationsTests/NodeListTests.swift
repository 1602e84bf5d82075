import Cluster
import Environment
import Operations
import Primitives
import Testing
import Topology

/// The file of the node that a cluster began with; tests write its list differently.
private let head = """
    cluster:
      name: shop
      id: ff

    """
private let rest = """
      # How many.
      replicas: 3
      tls: {folder: tls}
    environment: development
    node:
      name: n-1
      jurisdiction: world
      data_directory: data
    listen:
      http: 127.0.0.1:8080
      admin: 127.0.0.1:8081
    vault:
      software:
        key_file: vault.key
    links:
      - {name: acquirer, address: "localhost:8583", mode: test}
    merchants: []

    """
private let list = """
      # Whom to ask.
      nodes:
        # The first.
        - name: n-1
          id: 1
          region: eu
          address: 10.0.0.1:7001 # of its own

    """

private func node(_ name: String, _ address: String) throws -> ClusterPlan.Node {
    ClusterPlan.Node(
        id: nil, name: name, region: "us", zone: "a", jurisdiction: "world",
        address: try #require(SocketAddress(address)))
}

@Test("A node is added to the end of a file's list, and not a byte is changed besides")
func addsToList() throws {
    let text = head + list + rest
    let file = try NodeFile(path: "n-1/node.yaml", text: text)
    let new = try node("n-2", "[fd00::2]:7001")
    let changed = try #require(file.listing(new, in: text, at: "n-1/node.yaml"))
    let item = """
            - name: n-2
              region: us
              zone: a
              address: "[fd00::2]:7001"

        """
    #expect(changed == head + list + item + rest)
    let after = try NodeFile(path: "n-1/node.yaml", text: changed)
    #expect(after.plan.nodes == file.plan.nodes + [new])
    // Those that it began with are what its checksum is about.
    #expect(after.plan.founding(shardCount: 4) == file.plan.founding(shardCount: 4))
    #expect(after.lists(new) && !file.lists(new))
    let third = try #require(
        after.listing(try node("n-3", "10.0.0.3:7001"), in: changed, at: "n-1/node.yaml"))
    #expect(try NodeFile(path: "node.yaml", text: third).plan.nodes.count == 3)
}

@Test(
    "A list that is written otherwise gets its node too, or the file is left alone",
    arguments: [
        ("  nodes:\n  - {name: n-1, id: 1, region: eu, address: \"10.0.0.1:7001\"}\n", true),
        (
            "  nodes: # all\n      -  name: n-1\n         id: 1\n         region: eu\n"
                + "         address: 10.0.0.1:7001\n\n", true
        ),
        ("  nodes: [{name: n-1, id: 1, region: eu, address: \"10.0.0.1:7001\"}]\n", false),
        ("  nodes:\n    [{name: n-1, id: 1, region: eu, address: \"10.0.0.1:7001\"}]\n", false),
    ])
func addsToOtherLists(list: String, isTaken: Bool) throws {
    let text = head + list + rest
    let file = try NodeFile(path: "node.yaml", text: text)
    let new = try node("n-2", "10.0.0.2:7001")
    let changed = file.listing(new, in: text, at: "node.yaml")
    #expect((changed != nil) == isTaken)
    guard let changed else { return }
    #expect(try NodeFile(path: "node.yaml", text: changed).plan.nodes == file.plan.nodes + [new])
}

@Test("A node that the file could not have in its list is not added")
func leavesListAlone() throws {
    let text = head + list + rest
    let file = try NodeFile(path: "node.yaml", text: text)
    // Twice the name, the address, and where merchants connect.
    for (name, address) in [
        ("n-1", "10.0.0.2:7001"), ("n-2", "10.0.0.1:7001"), ("n-2", "127.0.0.1:8080"),
    ] {
        #expect(file.listing(try node(name, address), in: text, at: "node.yaml") == nil)
    }
    var full = text
    for number in 2...16 {
        let last = try NodeFile(path: "node.yaml", text: full)
        let new = try node("n-\(number)", "10.0.0.\(number):7001")
        full = try #require(last.listing(new, in: full, at: "node.yaml"))
    }
    let last = try NodeFile(path: "node.yaml", text: full)
    #expect(last.listing(try node("n-17", "10.0.0.17:7001"), in: full, at: "node.yaml") == nil)
}

@Test("A node that joins can ask all that the files know, the first ones before the others")
func knowsAllNodes() throws {
    let text = head + list + rest
    let first = try NodeFile(path: "n-1/node.yaml", text: text)
    let second = try node("n-2", "10.0.0.2:7001")
    let third = try node("n-3", "10.0.0.3:7001")
    let more = try #require(first.listing(second, in: text, at: "n-1/node.yaml"))
        .replacing("  name: n-1\n  jur", with: "  name: n-2\n  jur")
    let other = try NodeFile(path: "n-2/node.yaml", text: more)
    let names = { (nodes: [ClusterPlan.Node]) in nodes.map(\.profile.name) }
    #expect(names(NodeFile.nodes(of: [other, first], besides: "n-3")) == ["n-1", "n-2"])
    #expect(names(NodeFile.nodes(of: [first], besides: "n-3")) == ["n-1"])
    #expect(names(NodeFile.nodes(of: [other, first], besides: "n-2")) == ["n-1"])
    let tree = first.joined(
        by: third, asking: NodeFile.nodes(of: [other, first], besides: "n-3"),
        http: SocketAddress("127.0.0.1:9")!, admin: SocketAddress("127.0.0.1:10")!)
    let joined = try NodeFile(path: "n-3/node.yaml", text: tree.yaml)
    #expect(joined.plan.nodes == first.plan.nodes + [second, third])
    #expect(joined.plan.own.id == nil)
}
