import ScriptKit
import Testing

/// Protocol runs as prose, in `Tests/Scripts/raft`. `SUNNY_RECORD=1 swift test` with
/// `--filter ScriptTests` records them anew.
@Suite struct ScriptTests {
    @Test("Raft by script", arguments: Script.names(in: "raft"))
    func raft(name: String) {
        Script.verify(folder: "raft", name: name) { ScriptedGroup.handler() }
    }
}
