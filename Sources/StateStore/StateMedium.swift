public import Environment

/// Where the file of a store lies.
public enum StateMedium: Sendable {
    /// On the machine's own disk.
    case machine
    /// On a disk of which SQLite knows under `vfs`, and whose names `files` has.
    case mounted(vfs: String, files: any FileSystem)

    /// What SQLite opens: a path, or a URI that says on which disk it is.
    func location(of path: String) -> String {
        switch self {
        case .machine: return path
        case .mounted(let vfs, _): return "file:" + Self.escaped(path) + "?vfs=" + vfs
        }
    }

    /// A path as a URI has it: SQLite reads what follows these characters as something else.
    private static func escaped(_ path: String) -> String {
        var text = ""
        for character in path {
            switch character {
            case "%": text += "%25"
            case "?": text += "%3f"
            case "#": text += "%23"
            default: text.append(character)
            }
        }
        return text
    }
}
