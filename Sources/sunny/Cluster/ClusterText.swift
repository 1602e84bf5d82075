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

            \(linkShards(page))
            """
    }

    static func linkShards(_ page: ClusterPage) -> String {
        var table = TextTable("LINKS OF", "LEADER", "ON")
        for shard in page.linkShards {
            table.add(
                shard.region, shard.leader ?? "-",
                shard.replicas.joined(separator: " ") + (shard.isSettled ? "" : ", moving"))
        }
        return table.text
    }

    static func flags(_ page: ClusterPage) -> String {
        var table = TextTable("FLAG", "VALUE", "SET", "WHAT IT DOES")
        for flag in page.flags {
            table.add(
                flag.name, flag.isOn ? "on" : "off", flag.isSet ? "yes" : "by default", flag.help)
        }
        return table.text
    }

    static func members(_ page: ClusterPage) -> String {
        var table = TextTable(
            "NODE", "ID", "REGION", "JURISDICTION", "LINK", "STANDING", "SHARDS", "ADDRESS")
        for member in page.members {
            let place = member.zone.isEmpty ? "" : "/\(member.zone)"
            table.add(
                member.name, "\(member.id)", member.region + place, member.jurisdiction,
                member.link.rawValue,
                member.standing, "\(member.replicas)", member.address)
        }
        return table.text
    }

    static func shards(_ page: ClusterPage) -> String {
        var table = TextTable(
            "SHARD", "LEADER", "TERM", "COMMITTED", "APPLIED", "ON", "HERE")
        for shard in page.shards {
            let isHere = shard.role != .elsewhere
            table.add(
                "\(shard.shard)", shard.leader ?? (isHere ? "nobody" : "-"),
                isHere ? "\(shard.term)" : "-", isHere ? "\(shard.commitIndex)" : "-",
                isHere ? "\(shard.appliedIndex)" : "-",
                shard.replicas.joined(separator: " ") + (shard.isSettled ? "" : ", moving"),
                here(shard))
        }
        return table.text
    }

    private static func here(_ shard: ClusterPage.Shard) -> String {
        if !shard.blockedBy.isEmpty {
            return "halted: entries are damaged at \(shard.blockedBy.joined(separator: ", "))"
        }
        if let index = shard.recoversThrough { return "recovering through \(index)" }
        switch shard.role {
        case .follower: return "follows"
        case .elsewhere: return "is elsewhere"
        case .leader: return leading(shard)
        }
    }

    private static func leading(_ shard: ClusterPage.Shard) -> String {
        switch (shard.isServing, shard.holdsLease) {
        case (true, true): "leads, with a lease"
        case (true, false): "leads, and asks its peers before it reads"
        case (false, _): "leads, and takes up the work"
        }
    }
}
