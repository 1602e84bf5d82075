import Environment
import Glibc
import Operations
import Primitives
import SecureLink
import Testing

private let now = Timestamp(milliseconds: 1_790_000_000_000)

/// A folder of one test's.
private func makeFolder() -> String {
    var template = Array("/tmp/sunny-certificate-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { preconditionFailure("no folder under /tmp") }
    return String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
}

/// The file of the node `eu-1` of the cluster `three`, whose certificate is in `folder`.
private func file(in folder: String) throws -> NodeFile {
    try NodeFile(
        path: folder + "/node.yaml",
        text: """
            cluster:
              name: three
              id: 1
              nodes:
                - {name: eu-1, id: 1, region: eu, address: "10.0.0.1:1"}
                - {name: us-1, id: 2, region: us, address: "10.0.0.2:1"}
                - {name: ap-1, id: 3, region: ap, address: "10.0.0.3:1"}
              tls:
                folder: .
            environment: development
            node: {name: eu-1, jurisdiction: eu, data_directory: data}
            listen: {http: "127.0.0.1:0", admin: "127.0.0.1:0"}
            vault: {software: {key_file: k}}
            links: [{name: a, address: "localhost:1", mode: test}]
            merchants: []
            """)
}

private func refusal(
    of folder: String, at moment: Timestamp = now
) throws -> CommandFailure? {
    let file = try file(in: folder)
    do throws(CommandFailure) {
        _ = try NodeCertificate.channels(of: file) { moment }
        return nil
    } catch {
        return error
    }
}

private func issue(
    _ name: String = "eu-1", region: String = "eu", cluster: String = "three", to folder: String
) throws -> ClusterAuthority {
    let authority = try ClusterAuthority.make(cluster: cluster, now: now)
    let identity = NodeIdentity(cluster: cluster, region: region, name: name)!
    try authority.issue(to: identity, now: now).write(to: LinkCredentialFiles(folder: folder))
    return authority
}

@Test("A node's own certificate is taken, and its end is known")
func takesCertificate() throws {
    let folder = makeFolder()
    _ = try issue(to: folder)
    let channels = try #require(try NodeCertificate.channels(of: try file(in: folder)) { now })
    #expect(channels.identity.uri == "spiffe://three/region/eu/node/eu-1")
    #expect(channels.validUntil == now.advanced(byMilliseconds: 90 * 86_400_000))
}

@Test("A missing certificate is refused at the line that names it")
func refusesMissingCertificate() throws {
    let folder = makeFolder()
    let found = try #require(try refusal(of: folder))
    #expect(found.place == folder + "/node.yaml:9")
    #expect(found.what.contains("node.crt: open: No such file or directory"), "\(found)")
    #expect(found.remedy.contains("sunny cluster init"))
}

@Test("A certificate is refused before and after its time")
func refusesExpiredCertificate() throws {
    let folder = makeFolder()
    _ = try issue(to: folder)
    for days in [-1, 91] as [Int64] {
        let moment = now.advanced(byMilliseconds: days * 86_400_000)
        let found = try #require(try refusal(of: folder, at: moment))
        #expect(found.what.contains("the certificate is valid from 2026-09-21"), "\(found)")
        #expect(found.what.contains("until 2026-12-20"), "\(found)")
    }
}

@Test(
    "Another node's certificate is refused",
    arguments: [("us-1", "eu", "three"), ("eu-1", "us", "three"), ("eu-1", "eu", "four")])
func refusesForeignCertificate(name: String, region: String, cluster: String) throws {
    let folder = makeFolder()
    _ = try issue(name, region: region, cluster: cluster, to: folder)
    let found = try #require(try refusal(of: folder))
    #expect(found.what.contains("spiffe://\(cluster)/region/\(region)/node/\(name), not of"))
    #expect(found.what.contains("spiffe://three/region/eu/node/eu-1"))
}

@Test("A certificate of another authority, another's key and an open key are refused")
func refusesUntrusted() throws {
    let folder = makeFolder()
    _ = try issue(to: folder)
    let other = makeFolder()
    _ = try issue(to: other)
    #expect(rename(other + "/authority.crt", folder + "/authority.crt") == 0)
    #expect(try refusal(of: folder)?.what.contains("does not lead to") == true)
    #expect(rename(other + "/node.key", folder + "/node.key") == 0)
    #expect(try refusal(of: folder)?.what.contains("do not belong together") == true)
    #expect(chmod(folder + "/node.key", 0o644) == 0)
    let open = try #require(try refusal(of: folder))
    #expect(open.remedy == "chmod 600 \(folder)/./node.key", "\(open)")
}

@Test("The same news is told once an interval, with the count of what was held back")
func throttlesNews() {
    var throttle = NewsThrottle<String>(interval: .seconds(10))
    func at(_ seconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
    }
    #expect(throttle.admit("a", at: at(0)) == 0)
    #expect(throttle.admit("a", at: at(1)) == nil)
    #expect(throttle.admit("b", at: at(1)) == 0)
    #expect(throttle.admit("a", at: at(9)) == nil)
    #expect(throttle.admit("a", at: at(10)) == 2)
    #expect(throttle.admit("a", at: at(11)) == nil)
    #expect(throttle.admit("a", at: at(20)) == 1)
}
