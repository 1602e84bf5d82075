import Cluster
import MerchantAPI
import Node
import Operations
import Primitives
import Testing
import Topology

/// A node of six in three regions and two jurisdictions; tests change a line of it.
private let sound = """
    cluster:
      name: six
      id: ff
      regions:
        - {name: eu, jurisdiction: eu}
        - {name: us, jurisdiction: world}
        - {name: ap, jurisdiction: world}
      nodes:
        - {name: eu-1, id: 1, region: eu, zone: a, address: "10.0.0.1:1", url: "https://eu.example"}
        - {name: eu-2, id: 2, region: eu, zone: b, address: "10.0.0.2:1"}
        - {name: eu-3, id: 3, region: eu, zone: c, address: "10.0.0.3:1"}
        - {name: us-1, id: 4, region: us, address: "10.0.1.1:1"}
        - {name: us-2, id: 5, region: us, address: "10.0.1.2:1"}
        - {name: ap-1, id: 6, region: ap, address: "10.0.2.1:1"}
      placements:
        - {shards: 3, jurisdiction: eu, home: eu, survive: zone}
        - {shards: 1, jurisdiction: world, home: us}
      replicas: 3
      tls: {folder: tls}
    environment: development
    node:
      name: us-1
      data_directory: data
    listen: {http: "127.0.0.1:1", admin: "127.0.0.1:2"}
    vault: {software: {key_file: vault.key}}
    links:
      - {name: acquirer, address: "localhost:8583", mode: test}
    merchants:
      - id: acct_0000000000000demo
        mode: test
        jurisdiction: eu
        secret_key_digests: [\(String(repeating: "0", count: 64))]
      - id: acct_vvv0000000000demo
        mode: test
        jurisdiction: world
        secret_key_digests: [\(String(repeating: "1", count: 64))]
    """

private func failure(of text: String) -> CommandFailure? {
    do throws(CommandFailure) {
        _ = try NodeFile(path: "node.yaml", text: text)
        return nil
    } catch {
        return error
    }
}

@Test("Regions say their jurisdictions, and placements which shards are where")
func readsJurisdictions() throws {
    let file = try NodeFile(path: "node.yaml", text: sound)
    #expect(file.configuration.jurisdiction == "world")
    #expect(file.configuration.shardCount == 4)
    #expect(file.plan.nodes.map(\.profile.jurisdiction).prefix(4) == ["eu", "eu", "eu", "world"])
    #expect(file.plan.nodes[0].profile.url == "https://eu.example")
    let sets = file.plan.shardSets(shardCount: 4)
    #expect(sets.map(\.shardCount) == [3, 1])
    #expect(
        sets[0].rule == PlacementRule(jurisdiction: "eu", home: "eu", survival: .zone))
    #expect(sets[1].rule == PlacementRule(jurisdiction: "world", home: "us"))
    #expect(file.configuration.merchants.map(\.jurisdiction) == ["eu", "world"])
    let founding = try #require(file.plan.founding(shardCount: 4))
    #expect(founding.shards[0].map(\.rawValue) == [1, 2, 3])
    #expect(founding.shards[3].map(\.rawValue) == [4, 5, 6])
}

@Test("What is shown of jurisdictions is read again")
func showsJurisdictions() throws {
    let file = try NodeFile(path: "/etc/node.yaml", text: sound)
    var text = file.effective.yaml.replacing("    name: \"\"\n", with: "")
        .replacing("    publishable_key: \"\"\n", with: "")
    for digit in ["0", "1"] {
        let place = try #require(text.firstRange(of: "\"***\""))
        text.replaceSubrange(place, with: String(repeating: digit, count: 64))
    }
    let again = try NodeFile(path: "/etc/node.yaml", text: text)
    #expect(again.plan == file.plan)
    #expect(again.configuration.merchants == file.configuration.merchants)
}

@Test(
    "What is wrong with jurisdictions is refused, and says what helps",
    arguments: [
        (
            "{name: ap, jurisdiction: world}", "{name: aq, jurisdiction: world}",
            "cluster.nodes[5].region: cluster.regions has no ap", "did you mean aq?"
        ),
        (
            "{name: ap, jurisdiction: world}", "{name: us, jurisdiction: eu}",
            "cluster.regions[2].name: two regions are called us", "leave one"
        ),
        (
            "{name: ap, jurisdiction: world}", "{name: ap, jurisdictio: world}",
            "unknown key cluster.regions[2].jurisdictio", "did you mean jurisdiction?"
        ),
        (
            "home: us}", "home: us, survive: region}",
            "cluster.placements[1].survive: the nodes of world are in 2 regions", "three regions"
        ),
        (
            "home: us}", "home: us, survive: zone}",
            "cluster.placements[1].survive: the nodes of world are in 2 zones", "three zones"
        ),
        (
            "home: us}", "home: us, survive: planet}",
            "cluster.placements[1].survive must be zone or region", "correct"
        ),
        (
            "home: us}", "home: eu}", "cluster.placements[1].home: no node of world is in eu",
            "name one of its regions"
        ),
        (
            "jurisdiction: world, home: us}", "jurisdiction: wordl, home: us}",
            "cluster.placements[1].jurisdiction: no node is in wordl", "did you mean world?"
        ),
        ("{shards: 1, ", "{shards: 1024, ", "cluster.placements: they have 1027", "let them have"),
        (
            "name: us-1\n", "name: us-1\n  shards: 5\n",
            "node.shards: cluster.placements have 4", "leave node.shards out"
        ),
        (
            "name: us-1\n", "name: us-1\n  jurisdiction: eu\n",
            "node.jurisdiction: cluster.regions says that its region is in world", "make them agree"
        ),
        (
            "jurisdiction: eu\n    secret", "jurisdiction: world\n    secret",
            "merchants[0].jurisdiction: the first three characters of acct_0000000000000demo",
            "acct_o000000000000demo"
        ),
        (
            "    jurisdiction: eu\n    secret", "    secret",
            "merchants[0].jurisdiction is missing", "add it"
        ),
        (
            "jurisdiction: eu\n    secret", "jurisdiction: ue\n    secret",
            "merchants[0].jurisdiction: no shard is in ue", "eu"
        ),
        (
            "https://eu.example", "eu.example", "cluster.nodes[0].url must be the beginning",
            "correct"
        ),
        (
            "https://eu.example", "https://eu.example/", "cluster.nodes[0].url must be", "correct"
        ),
    ])
func refusesJurisdictions(part: String, other: String, message: String, remedy: String) throws {
    let place = try #require(sound.firstRange(of: part))
    var text = sound
    text.replaceSubrange(place, with: other)
    let found = try #require(failure(of: text))
    #expect(found.what.hasPrefix(message), "\(found)")
    #expect(found.remedy.contains(remedy), "\(found)")
    #expect(found.place?.hasPrefix("node.yaml:") == true)
    #expect(found.status == .badConfiguration)
}

@Test("Several jurisdictions without placements are refused")
func refusesJurisdictionsWithoutPlacements() throws {
    let begin = try #require(sound.firstRange(of: "  placements:"))
    let end = try #require(sound.firstRange(of: "  replicas:"))
    var text = sound
    text.removeSubrange(begin.lowerBound..<end.lowerBound)
    let found = try #require(failure(of: text))
    #expect(found.what.hasPrefix("cluster.regions: there are 2 jurisdictions"), "\(found)")
}
