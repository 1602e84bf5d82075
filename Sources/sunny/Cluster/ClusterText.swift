import Operations

/// What operators read of a cluster.
enum ClusterText {
    static func status(_ page: ClusterPage) -> String {
        let identity = page.id.map { " (\($0))" } ?? ""
        let state = page.isReady ? "ready" : "not ready"
        let certificate = page.certificateEnd.map { ", certificate valid until \($0)" } ?? ""
        return """
            \(page.node) in \(page.region), cluster \(page.cluster)\(identity): \
            \(state)\(certificate)

            \(members(page))

            \(shards(page))
            """
    }

    static func members(_ page: ClusterPage) -> String {
        var table = TextTable("NODE", "ID", "REGION", "LINK", "ADDRESS")
        for member in page.members {
            table.add(
                member.name, "\(member.id)", member.region, member.link.rawValue, member.address)
        }
        return table.text
    }

    static func shards(_ page: ClusterPage) -> String {
        var table = TextTable("SHARD", "LEADER", "TERM", "COMMITTED", "APPLIED", "HERE")
        for shard in page.shards {
            table.add(
                "\(shard.shard)", shard.leader ?? "nobody", "\(shard.term)",
                "\(shard.commitIndex)", "\(shard.appliedIndex)", here(shard))
        }
        return table.text
    }

    private static func here(_ shard: ClusterPage.Shard) -> String {
        switch shard.role {
        case .follower: "follows"
        case .leader:
            switch (shard.isServing, shard.holdsLease) {
            case (true, true): "leads, with a lease"
            case (true, false): "leads, and asks its peers before it reads"
            case (false, _): "leads, and takes up the work"
            }
        }
    }
}
