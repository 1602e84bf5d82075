import ScriptKit
import Testing

/// Protocol runs as prose, in `Tests/Scripts/gossip`. `SUNNY_RECORD=1 swift test` with
/// `--filter ScriptTests` records them anew.
@Suite struct ScriptTests {
    @Test("Gossip by script", arguments: Script.names(in: "gossip"))
    func gossip(name: String) {
        Script.verify(folder: "gossip", name: name) { ScriptedGroup.handler() }
    }
}
