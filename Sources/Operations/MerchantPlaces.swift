import Cluster
import Payments
import Primitives
import Topology

/// Where merchants are: their accounts' first three characters say the shard, and that its
/// jurisdiction.
struct MerchantPlaces {
    let plan: ClusterPlan
    let shardCount: Int

    /// The jurisdiction of an account, held against what its entry says.
    func jurisdiction(
        of id: MerchantID, _ section: ConfigurationSection
    ) throws(CommandFailure) -> String {
        let found = jurisdiction(of: id.stem.slot)
        let all = Set(plan.shardSets(shardCount: shardCount).map { $0.rule.jurisdiction ?? "" })
        let said = try section.name("jurisdiction", else: all.count == 1 ? found : nil)
        guard said != found else { return found }
        guard all.contains(said) else {
            throw section.failure(
                "jurisdiction", "no shard is in \(said)",
                remedy: Spelling.nearest(to: said, among: all.sorted())
                    .map { "did you mean \($0)?" }
                    ?? "there are \(all.sorted().joined(separator: ", "))")
        }
        throw section.failure(
            "jurisdiction", "the first three characters of \(id) say that it is in \(found)",
            remedy: "write \(found), or give it another account: \(example(id, in: said))")
    }

    private func jurisdiction(of slot: Slot) -> String {
        plan.jurisdiction(ofShard: slot.shard(of: shardCount), of: shardCount)
    }

    /// The account with the nearest first characters that is there.
    private func example(_ id: MerchantID, in jurisdiction: String) -> String {
        let own = Int(id.stem.slot.rawValue)
        let nearest = (0..<Slot.count).filter {
            Slot($0).map { self.jurisdiction(of: $0) == jurisdiction } ?? false
        }.min { abs($0 - own) < abs($1 - own) }
        guard let nearest else { return "" }
        // A slot is three digits of base 32.
        let digits = Array("0123456789abcdefghijklmnopqrstuv")
        let text = [nearest >> 10, nearest >> 5 & 31, nearest & 31].map { digits[$0] }
        return "acct_" + String(text) + id.stem.text.dropFirst(text.count)
    }
}
