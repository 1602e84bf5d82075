public import Primitives

// Whom a node links with, while a peer tells of a newer topology than the node's own replica of the
// meta group has. Nothing proves what a peer tells, so it adds and takes nothing away: in this
// order, and as many as a cluster has at most,
//
//   1. whoever is known and linked
//   2. whoever is known, where the peer says that it is now
//   3. whoever is known, unless the peer tells of somebody of the same name
//   4. whom only the peer knows
//   5. whoever is known, where there was no room for the one of its name

extension Topology {
    /// The nodes to link with, each id and each name once; at most `nodeCountMax`.
    ///
    /// - Parameters:
    ///   - told: what a peer has told.
    ///   - isLinked: this node, and those whose links are up.
    public func nodesToLink(
        told: Topology, isLinked: (MemberID) -> Bool
    ) -> [NodeRecord] {
        guard told.epoch > epoch else { return nodes }
        var chosen: [NodeRecord] = []
        func choose(_ records: [NodeRecord]) {
            for record in records where chosen.count < Self.nodeCountMax {
                let isFree = !chosen.contains { $0.id == record.id || $0.name == record.name }
                if isFree { chosen.append(record) }
            }
        }
        choose(nodes.filter { isLinked($0.id) })
        choose(told.nodes.filter { self[$0.id] != nil })
        choose(nodes.filter { told.node(called: $0.name) == nil })
        choose(told.nodes.filter { departed($0.id) == nil })
        choose(nodes)
        return chosen
    }

    /// Those besides whom a log may come to know: under an id and a name that nobody of `known`
    /// has, and none of those that have departed.
    public func nodesToLink(
        _ known: [NodeRecord], foreseen: [NodeRecord]
    ) -> [NodeRecord] {
        var chosen = known
        for record in foreseen where chosen.count < Self.nodeCountMax {
            let isFree = !chosen.contains { $0.id == record.id || $0.name == record.name }
            if isFree, departed(record.id) == nil { chosen.append(record) }
        }
        return chosen
    }
}
