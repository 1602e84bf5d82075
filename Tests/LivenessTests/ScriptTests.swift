import ScriptKit
import Testing

/// Protocol runs as prose, in `Tests/Scripts/liveness`. `SUNNY_RECORD=1 swift test` with
/// `--filter ScriptTests` records them anew.
@Suite struct ScriptTests {
    @Test("Liveness by script", arguments: Script.names(in: "liveness"))
    func liveness(name: String) {
        Script.verify(folder: "liveness", name: name) { ScriptedNodes.handler() }
    }
}
