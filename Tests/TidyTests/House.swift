/// A target of `Sources`, and what it may import: exactly what `Package.swift` declares for it, and
/// the system's modules that are named here.
struct Room: Sendable {
    enum Kind: Int, Sendable {
        /// Values only: no clock, no chance, no `async`.
        case pure
        /// The roles that a node takes from outside.
        case roles
        /// A library of C.
        case foreign
        /// Owns files, sockets, libraries.
        case io
        /// Where deciding and doing meet; runs in the simulator unchanged.
        case meeting
        /// HTTP and the command line.
        case edge
    }

    let kind: Kind
    let imports: Set<String>
    /// Modules of the toolchain beyond the standard library.
    let system: Set<String>
    /// True where the compiler itself asks for the word at each use of a pointer.
    let hasStrictMemory: Bool

    init(
        _ kind: Kind, _ imports: Set<String>, system: Set<String> = [],
        hasStrictMemory: Bool = false
    ) {
        self.kind = kind
        self.imports = imports
        self.system = system
        self.hasStrictMemory = hasStrictMemory
    }
}

enum House {
    static let collections: Set<String> = ["DequeModule", "HeapModule"]
    /// Modules of C that only calculate.
    static let reckoning: Set<String> = ["CChecksum"]

    static let rooms: [String: Room] = [
        "Primitives": Room(.pure, ["CChecksum"]),
        "Payments": Room(.pure, ["Primitives"]),
        "Raft": Room(.pure, ["Primitives"]),
        "Liveness": Room(.pure, ["Primitives"]),
        "Gossip": Room(.pure, ["Primitives", "DequeModule", "HeapModule"]),
        "Linearizability": Room(.pure, ["Primitives"]),
        "Resilience": Room(.pure, ["Primitives"]),
        "ISO8583": Room(.pure, ["Primitives"]),
        "PeerWire": Room(.pure, ["Primitives"]),
        "Topology": Room(.pure, ["Primitives"]),
        "Renewal": Room(.pure, ["Primitives"]),

        "Environment": Room(.roles, ["Primitives"], system: ["Synchronization"]),

        // These stand under Tests: data-driven scripts, a count of allocations, and our codec for
        // a test in another language.
        "CAllocations": Room(.edge, []),
        "CodecPipe": Room(.edge, ["ISO8583"]),
        "ScriptKit": Room(.edge, [], system: ["Foundation", "Testing"]),

        "CLibUV": Room(.foreign, []),
        "COpenSSL": Room(.foreign, []),
        "CCipher": Room(.foreign, []),
        "CChecksum": Room(.foreign, []),
        "CSwiftHooks": Room(.foreign, []),
        "CProcess": Room(.foreign, []),
        "CSQLite": Room(.foreign, []),

        "Transport": Room(
            .io, ["CLibUV", "Primitives", "Environment", "DequeModule", "HeapModule"],
            system: ["Glibc", "Synchronization"], hasStrictMemory: true),
        "SecureLink": Room(
            .io, ["COpenSSL", "Primitives", "Environment", "Renewal"],
            system: ["Glibc", "Synchronization"], hasStrictMemory: true),
        "Journal": Room(
            .io, ["Primitives", "Environment", "Crypto"], system: ["Glibc", "Synchronization"]),
        "StateStore": Room(
            .io, ["Primitives", "Environment", "GRDB", "GRDBSQLite"],
            system: ["Glibc", "Synchronization"]),
        "SQLiteDisk": Room(
            .io, ["CSQLite", "Primitives", "Environment"], system: ["Glibc", "Synchronization"],
            hasStrictMemory: true),
        "Vault": Room(
            .io, ["CCipher", "Primitives", "Environment", "Payments", "Crypto"],
            system: ["Glibc", "Synchronization"], hasStrictMemory: true),
        "Telemetry": Room(.io, ["Primitives", "Logging"], system: ["Synchronization"]),

        "Cluster": Room(
            .meeting,
            [
                "Primitives", "Environment", "PeerWire", "Raft", "Liveness", "Gossip",
                "Topology", "Resilience", "Journal", "StateStore", "DequeModule", "HeapModule",
            ]),
        "Gateway": Room(
            .meeting,
            [
                "Primitives", "Environment", "Payments", "Resilience", "ISO8583", "StateStore",
                "Vault", "Telemetry", "Cluster", "DequeModule", "HeapModule",
            ]),
        "MerchantAPI": Room(
            .meeting,
            ["Primitives", "Environment", "Payments", "Gateway", "Vault", "Telemetry"]),
        "Acquirer": Room(.meeting, ["Primitives", "Environment", "ISO8583", "GRDB"]),
        "Node": Room(
            .meeting,
            [
                "Primitives", "Environment", "Payments", "Raft", "Topology", "Journal",
                "StateStore", "Vault", "Telemetry", "Cluster", "Gateway", "MerchantAPI",
                "Resilience",
            ]),
        "Signing": Room(
            .meeting, ["Primitives", "Environment", "PeerWire", "Renewal", "SecureLink"]),
        "CoreSimulator": Room(
            .meeting, ["Primitives", "Raft", "Liveness", "Linearizability"]),
        "Simulator": Room(
            .meeting,
            [
                "CSwiftHooks", "Primitives", "Environment", "Payments", "Linearizability",
                "ISO8583", "Topology", "Journal", "StateStore", "SQLiteDisk", "Vault", "Cluster",
                "Gateway", "MerchantAPI", "Acquirer", "Node", "DequeModule", "HeapModule",
            ],
            system: ["Synchronization"]),

        "Ingress": Room(
            .edge,
            [
                "Primitives", "Environment", "MerchantAPI", "Telemetry", "Hummingbird",
                "HummingbirdCore", "HTTPTypes", "NIOCore", "ServiceLifecycle", "Logging",
            ],
            system: ["Foundation", "Synchronization"]),
        "Operations": Room(
            .edge,
            [
                "Primitives", "Environment", "Payments", "Vault", "Cluster", "Gateway",
                "MerchantAPI", "ISO8583", "Acquirer", "Node", "SecureLink", "Topology", "Yams",
            ],
            system: ["Glibc", "Synchronization"]),
        "sunny": Room(
            .edge,
            [
                "Primitives", "Environment", "Payments", "Raft", "Topology", "Transport",
                "Journal", "StateStore", "Vault", "Telemetry", "Cluster", "Gateway",
                "MerchantAPI", "Acquirer", "Node",
                "Simulator", "CoreSimulator", "Linearizability", "Ingress", "Operations",
                "CProcess", "ISO8583", "PeerWire", "SecureLink", "Renewal", "Signing", "Resilience",
                "Logging",
                "ServiceLifecycle", "ArgumentParser",
            ],
            system: [
                "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Synchronization",
            ]),
    ]

    /// What in the table itself goes against the layers.
    static func violations(of rooms: [String: Room]) -> [String] {
        rooms.sorted { $0.key < $1.key }.flatMap { name, room in
            room.imports.sorted().compactMap { imported in
                allows(room, imported, rooms[imported]?.kind)
                    ? nil : "\(name) (\(room.kind)) may not import \(imported)"
            }
        }
    }

    private static func allows(_ room: Room, _ name: String, _ imported: Room.Kind?) -> Bool {
        switch room.kind {
        case .pure: name == "Primitives" || collections.contains(name) || reckoning.contains(name)
        case .roles: name == "Primitives"
        case .foreign: false
        case .io: imported.map { $0.rawValue < Room.Kind.io.rawValue } ?? true
        case .meeting: imported != .edge
        case .edge: true
        }
    }
}
