import Primitives
import Testing
import Topology

@Suite("whom to link with, by hearsay")
struct HearsayTests {
    private static let known = Driven("a1@a b1@b c1@c", shardCount: 1, replicaCount: 3)

    /// A cluster that has begun with other nodes under the same ids, and is newer.
    private static func other(_ plan: String) -> Topology {
        var driven = Driven(plan, shardCount: 1, replicaCount: 1)
        while driven.topology.epoch <= Self.known.topology.epoch + 4 {
            let name = driven.topology.nodes[0].name
            driven.perform(.drain(name: name))
            driven.perform(.resume(name: name))
        }
        return driven.topology
    }

    private static func names(told: Topology, linked: MemberID...) -> [String] {
        known.topology.nodesToLink(told: told) { linked.contains($0) }
            .sorted { $0.id < $1.id }.map { "\($0.id.rawValue) \($0.name)" }
    }

    @Test("what is no newer changes nothing")
    func old() {
        #expect(
            Self.names(told: Topology(), linked: MemberID(1)) == ["1 a1", "2 b1", "3 c1"])
    }

    @Test("a node that has joined is linked with, and nobody is left out")
    func joined() {
        var told = Self.known
        told.join("d1@d")
        #expect(
            Self.names(told: told.topology, linked: MemberID(1))
                == ["1 a1", "2 b1", "3 c1", "4 d1"])
        let without = Self.other("a1@a x1@x")
        #expect(Self.names(told: without, linked: MemberID(1)).contains("3 c1"))
    }

    @Test("the successor of a node takes its place, unless that one is linked")
    func successor() {
        var told = Self.known
        told.join("b1@b", token: 8)
        #expect(told.topology.departed(MemberID(2)) != nil)
        #expect(
            Self.names(told: told.topology, linked: MemberID(1)) == ["1 a1", "3 c1", "4 b1"])
        #expect(
            Self.names(told: told.topology, linked: MemberID(1), MemberID(2))
                == ["1 a1", "2 b1", "3 c1"])
    }

    @Test("nobody who is linked loses an id or a name to another")
    func names() {
        // Everybody under another's name.
        let told = Self.other("b1@b c1@c a1@a")
        let all = [MemberID(1), MemberID(2), MemberID(3)]
        let chosen = Self.known.topology.nodesToLink(told: told) { all.contains($0) }
        #expect(chosen == Self.known.topology.nodes)
    }

    @Test("what a log may come to adds nodes, and takes no id and no name from anybody")
    func foreseen() {
        var later = Self.known
        later.join("d1@d")
        // The successor of a node that is known, under an id of its own.
        later.join("b1@b", token: 8)
        let known = Self.known.topology
        let chosen = known.nodesToLink(known.nodes, foreseen: later.topology.nodes)
        #expect(chosen.map(\.name) == ["a1", "b1", "c1", "d1"])
        #expect(chosen.map(\.id.rawValue) == [1, 2, 3, 4])
        let departed = later.topology
            .nodesToLink(later.topology.nodes, foreseen: known.nodes)
        #expect(departed == later.topology.nodes)
    }

    @Test("a peer that invents a whole cluster does not crowd out those who are known")
    func crowd() {
        let invented = (1...16).map { "x\($0)@x" }.joined(separator: " ")
        let told = Self.other(invented)
        for linked in [[], [MemberID(1)], [MemberID(1), MemberID(2)]] as [[MemberID]] {
            let chosen = Self.known.topology.nodesToLink(told: told) { linked.contains($0) }
            #expect(chosen.count <= Topology.nodeCountMax)
            #expect(Set(chosen.map(\.id)).count == chosen.count)
            #expect(Set(chosen.map(\.name)).count == chosen.count)
            for member in linked {
                #expect(chosen.contains { $0 == Self.known.topology[member] })
            }
            // Those that are not linked are looked for where the peer says, under their ids.
            #expect(Set(chosen.map(\.id)).isSuperset(of: Self.known.topology.nodes.map(\.id)))
        }
    }

    @Test("a node that knows nothing yet links with all that it is told")
    func unfounded() {
        let chosen = Topology().nodesToLink(told: Self.known.topology) { _ in false }
        #expect(chosen == Self.known.topology.nodes)
    }
}
