public import Gateway
public import Resilience

extension Node {
    /// How the links to acquirers are, by the regions' names.
    public func linkStatuses() async -> [RegionLinkStatus] {
        await links.statuses()
    }

    /// Changes what stands of a link, in one region or in all that have links; whoever owns them
    /// decides. In the order of the regions' names.
    public func change(
        _ command: LinkCommand, of region: String?
    ) async -> [(region: String, outcome: LinkChangeOutcome)] {
        var outcomes: [(region: String, outcome: LinkChangeOutcome)] = []
        let regions = if let region { [region] } else { await links.regionNames }
        for region in regions {
            outcomes.append((region, await links.change(command, of: region)))
        }
        return outcomes
    }
}
