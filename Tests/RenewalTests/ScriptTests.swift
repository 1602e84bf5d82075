import ScriptKit
import Testing

/// Renewals as prose, in `Tests/Scripts/renewal`. `SUNNY_RECORD=1 swift test` with
/// `--filter ScriptTests` records them anew.
@Suite struct ScriptTests {
    @Test("Renewal by script", arguments: Script.names(in: "renewal"))
    func renewal(name: String) {
        Script.verify(folder: "renewal", name: name) { ScriptedRenewal.handler() }
    }
}
