import Environment
import Gateway
import MerchantAPI
import Node
import Operations
import Payments
import Testing

/// A configuration that is right; tests change a line of it.
private let sound = """
    cluster:
      name: one
    environment: development
    node:
      name: "no"
      region: eu-1
      jurisdiction: eu
      data_directory: data
      shards: 2
    listen:
      http: 127.0.0.1:0
      admin: "[::1]:8081"
    vault:
      software:
        key_file: /keys/node.key
    links:
      - name: acquirer
        address: localhost:8583
        mode: test
        answer_timeout: 1500ms
    merchants:
      - id: acct_0000000000000demo
        mode: live
        secret_key_digests:
          - 0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF
    """

extension NodeFile {
    fileprivate var limits: BalanceLimits { configuration.gateway.balanceLimits }
}

private func failure(of text: String) -> CommandFailure? {
    do throws(CommandFailure) {
        _ = try NodeFile(path: "etc/node.yaml", text: text)
        return nil
    } catch {
        return error
    }
}

private func failure(replacing part: String, by other: String) -> CommandFailure? {
    failure(of: sound.replacing(part, with: other))
}

@Test("A configuration is read as it is written")
func readsSoundFile() throws {
    let file = try NodeFile(path: "etc/node.yaml", text: sound)
    #expect(file.clusterName == "one")
    #expect(file.httpAddress == SocketAddress(host: "127.0.0.1", port: 0))
    #expect(file.adminAddress == SocketAddress(host: "::1", port: 8081))
    #expect(!file.allowsInsecure)
    #expect(file.vaultKeyFile == "/keys/node.key")
    let node = file.configuration
    // YAML would take a bare `no` for false.
    #expect(node.name == "no")
    #expect(node.dataDirectory == "etc/data")
    #expect(node.shardCount == 2)
    #expect(node.links.map(\.name) == ["acquirer"])
    #expect(node.links[0].answerTimeout == .milliseconds(1500))
    #expect(!node.links[0].isLive)
    #expect(node.merchants.count == 1)
    #expect(node.merchants[0].isLive)
    #expect(node.merchants[0].keyDigest.suffix(2) == [0xCD, 0xEF])
}

@Test("The example that explains every key is right")
func readsExample() throws {
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/\(folder)/ClusterConfigs/single.yaml"
    let file = try NodeFile(path: path, text: contents(of: path))
    #expect(file.configuration.name == "node-1")
    #expect(file.configuration.dataDirectory == "/\(folder)/ClusterConfigs/../data/node-1")
}

@Test("Holds of the test world last as long as the file says, and seven days otherwise")
func readsHoldPeriod() throws {
    let plain = try NodeFile(path: "etc/node.yaml", text: sound)
    #expect(plain.configuration.gateway.testHoldSeconds == 604_800)
    let brief = try NodeFile(
        path: "etc/node.yaml", text: sound + "\ntest_mode:\n  hold_period: 90s\n")
    #expect(brief.configuration.gateway.testHoldSeconds == 90)
    let none = failure(of: sound + "\ntest_mode:\n  hold_period: 500ms\n")
    #expect(none?.status == .badConfiguration)
}

@Test("A merchant's limit is a number for every currency, or one for each that is named")
func readsBalanceLimits() throws {
    let id = try #require(MerchantID("acct_0000000000000demo"))
    func limit(_ lines: String) throws -> BalanceLimit? {
        let file = try NodeFile(path: "etc/node.yaml", text: sound + "\n" + lines)
        #expect(file.merchants.first?.balanceLimit == file.limits[id, isLive: true])
        #expect(file.limits[id, isLive: false] == nil)
        return file.limits[id, isLive: true]
    }
    #expect(try limit("") == nil)
    #expect(try limit("    negative_balance_limit: 0") == .everywhere(0))
    #expect(try limit("    negative_balance_limit: 70000") == .everywhere(70_000))
    let (usd, jpy, eur) = ("usd", "jpy", "eur")
    let named = try limit("    negative_balance_limit: {usd: 5000, jpy: 9}")
    #expect(named?.minorUnits(in: Currency(code: usd)!) == 5000)
    #expect(named?.minorUnits(in: Currency(code: jpy)!) == 9)
    #expect(named?.minorUnits(in: Currency(code: eur)!) == 0)
}

@Test(
    "A limit that is none is refused",
    arguments: [
        ("-1", "merchants[0].negative_balance_limit must be a number from 0 to"),
        ("1.5", "merchants[0].negative_balance_limit must be a number from 0 to"),
        ("1000000000000001", "merchants[0].negative_balance_limit must be a number from 0 to"),
        ("{}", "merchants[0].negative_balance_limit: it names no currency"),
        ("[1]", "merchants[0].negative_balance_limit must be a number from 0 to"),
        ("{usd: -5}", "merchants[0].negative_balance_limit.usd must be a number from 0 to"),
        ("{usdd: 5}", "unknown key merchants[0].negative_balance_limit.usdd"),
    ])
func refusesBalanceLimit(value: String, message: String) throws {
    let text = sound + "\n    negative_balance_limit: \(value)"
    let found = try #require(failure(of: text))
    #expect(found.what.hasPrefix(message), "\(found)")
}

@Test("Two entries of a merchant and mode say the same of its limit")
func refusesTwoLimits() throws {
    func twins(_ first: String, _ second: String) -> String {
        let digest = String(repeating: "ab", count: 32)
        let twin = "id: acct_0000000000000demo, mode: live, secret_key_digests: [\(digest)]"
        return sound + first + "\n  - {\(twin)\(second)}"
    }
    let line = "\n    negative_balance_limit: 5"
    #expect(failure(of: twins(line, "")) != nil)
    #expect(failure(of: twins("", ", negative_balance_limit: 5")) != nil)
    let other = failure(of: twins(line, ", negative_balance_limit: 6"))
    #expect(other?.what.contains("otherwise") == true)
    #expect(failure(of: twins(line, ", negative_balance_limit: 5")) == nil)
}

@Test("A limit is shown as the file writes it")
func showsBalanceLimit() throws {
    for line in ["negative_balance_limit: 70000", "negative_balance_limit: {usd: 5000, jpy: 9}"] {
        let text = sound + "\n    name: Shop\n    publishable_key: pk_live_1\n    " + line
        let file = try NodeFile(path: "/etc/node.yaml", text: text)
        let shown = file.effective.yaml.replacing(
            "\"***\"", with: String(repeating: "ab", count: 32))
        let again = try NodeFile(path: "/etc/node.yaml", text: shown)
        #expect(again.merchants[0].balanceLimit == file.merchants[0].balanceLimit)
        #expect(again.merchants[0].balanceLimit != nil)
    }
}

@Test("An unknown key is refused with its line and the nearest key")
func refusesUnknownKey() {
    let slip = failure(replacing: "  shards: 2", by: "  shard: 2")
    #expect(slip?.place == "etc/node.yaml:9")
    #expect(slip?.what == "unknown key node.shard")
    #expect(slip?.remedy == "did you mean shards?")
    #expect(slip?.status == .badConfiguration)
    let stranger = failure(replacing: "answer_timeout: 1500ms", by: "colour: red")
    #expect(stranger?.what == "unknown key links[0].colour")
    #expect(stranger?.remedy.hasPrefix("the keys here are name, address") == true)
}

@Test("A key that stands twice, or is missing, is refused with its place")
func refusesDoubleAndMissing() {
    let double = failure(replacing: "  region: eu-1", by: "  region: eu-1\n  region: us-1")
    #expect(double?.what == "this is not YAML: a key stands twice: region")
    #expect(double?.place?.hasPrefix("etc/node.yaml:") == true)
    let missing = failure(replacing: "  region: eu-1\n", by: "")
    #expect(missing?.what == "node.region is missing")
}

@Test(
    "A value of the wrong form is refused and not repeated",
    arguments: [
        ("shards: 2", "shards: 0", "node.shards must be a number from 1 to 1024"),
        ("mode: test", "mode: tset", "links[0].mode must be test or live"),
        ("1500ms", "1500", "links[0].answer_timeout must be a time of 1ms to 60min"),
        ("1500ms", "61min", "links[0].answer_timeout must be a time of 1ms to 60min"),
        ("localhost:8583", "localhost", "links[0].address must be an address"),
        ("localhost:8583", "localhost:70000", "links[0].address must be an address"),
        ("acct_0000000000000demo", "acct_1", "merchants[0].id must be an account"),
        ("ABCDEF\n", "ABCDE\n", "merchants[0].secret_key_digests must be the SHA-256"),
        ("name: one", "name: [a, b]", "cluster.name must be 1 to 63 letters"),
        ("development", "staging", "environment must be development or production"),
    ])
func refusesWrongValue(part: String, other: String, message: String) throws {
    let found = try #require(failure(of: (sound + "\n").replacing(part, with: other)))
    #expect(found.what.hasPrefix(message), "\(found)")
    #expect(found.place?.hasPrefix("etc/node.yaml:") == true)
}

@Test("What is not YAML is refused with the line")
func refusesBrokenFile() {
    #expect(failure(of: "")?.what == "the file is empty")
    #expect(failure(of: "- 1")?.what == "the file must be a mapping")
    let torn = failure(of: "cluster:\n  name: one\n \"")
    #expect(torn?.what.hasPrefix("this is not YAML") == true)
    #expect(torn?.place?.hasPrefix("etc/node.yaml:") == true)
}

@Test("Production refuses the software vault")
func refusesSoftwareVaultInProduction() {
    let found = failure(replacing: "development", by: "production")
    #expect(found?.what.hasPrefix("vault.software") == true)
}

@Test("Card numbers cross a network in clear only where that is asked for")
func refusesOpenListener() throws {
    #expect(failure(replacing: "127.0.0.1:0", by: "0.0.0.0:80")?.place == "etc/node.yaml:11")
    let asked = sound.replacing("127.0.0.1:0", with: "0.0.0.0:80") + "\ninsecure_listen: true"
    #expect(try NodeFile(path: "node.yaml", text: asked).allowsInsecure)
    let admin = asked.replacing("\"[::1]:8081\"", with: "10.0.0.1:81")
    #expect(failure(of: admin)?.what.hasPrefix("listen.admin") == true)
}

@Test("Names of links and keys of merchants are unique")
func refusesTwins() {
    let link = "  - {name: acquirer, address: \"localhost:1\", mode: live}\nmerchants:"
    #expect(failure(replacing: "merchants:", by: link)?.what.contains("two links") == true)
    let digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
    let other = "\(digest)\n      - \(digest)"
    #expect(failure(replacing: digest, by: other)?.what.contains("two merchants") == true)
}
