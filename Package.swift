// swift-tools-version: 6.2

import PackageDescription

/// The settings of every target of ours: Swift 6 mode, explicit existentials, imports that are
/// private unless said otherwise, and `async` functions that stay on their caller's executor, so
/// that no await leaves the node's loop unseen. A warning is an error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// For the one Swift importer of each C library: every unsafe use is written `unsafe`.
let strictMemory: [SwiftSetting] =
    strict + [.strictMemorySafety(), .treatWarning("StrictMemorySafety", as: .error)]

/// A room: what it may import is what stands here, and nothing more. `Tests/TidyTests` holds the
/// sources against the layering, and the build refuses an import that is not declared.
func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: strict)
}

let collections: [Target.Dependency] = [
    .product(name: "DequeModule", package: "swift-collections"),
    .product(name: "HeapModule", package: "swift-collections"),
]
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(
    name: "HummingbirdCore", package: "hummingbird")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "sunny",
    products: [.executable(name: "sunny", targets: ["sunny"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(name: "CChecksum"),

        // Pure rooms: values that take events and return directives.
        room("Primitives", ["CChecksum"]),
        room("Payments", ["Primitives"]),
        room("Raft", ["Primitives"]),
        room("Liveness", ["Primitives"]),
        room("Gossip", ["Primitives"] + collections),
        room("Linearizability", ["Primitives"]),
        room("Resilience", ["Primitives"]),
        room("ISO8583", ["Primitives"]),
        room("PeerWire", ["Primitives"]),
        room("Topology", ["Primitives"]),
        room("Renewal", ["Primitives"]),

        // The roles that a node takes from outside: loop, network, disk, worker.
        room("Environment", ["Primitives"]),

        // Rooms that do I/O.
        .systemLibrary(name: "CLibUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        room(
            "Transport", ["CLibUV", "Primitives", "Environment"] + collections,
            settings: strictMemory),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        room(
            "SecureLink", ["COpenSSL", "Primitives", "Environment", "Renewal"],
            settings: strictMemory),
        room("Journal", ["Primitives", "Environment", crypto]),
        room("StateStore", ["Primitives", "Environment", grdb, sqlite]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        room(
            "SQLiteDisk", ["CSQLite", "Primitives", "Environment"], settings: strictMemory),
        .systemLibrary(name: "CCipher", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        room(
            "Vault", ["CCipher", "Primitives", "Environment", "Payments", crypto],
            settings: strictMemory),
        room("Telemetry", ["Primitives", logging]),

        // Rooms where deciding and doing meet.
        room(
            "Cluster",
            [
                "Primitives", "Environment", "PeerWire", "Raft", "Liveness", "Gossip",
                "Topology", "Resilience", "Journal", "StateStore",
            ] + collections),
        room(
            "Gateway",
            [
                "Primitives", "Environment", "Payments", "Resilience", "ISO8583", "StateStore",
                "Vault", "Telemetry", "Cluster",
            ] + collections),
        room(
            "MerchantAPI",
            ["Primitives", "Environment", "Payments", "Gateway", "Vault", "Telemetry"]),
        room("Acquirer", ["Primitives", "Environment", "ISO8583", grdb]),
        room(
            "Node",
            [
                "Primitives", "Environment", "Payments", "Raft", "Topology", "Journal",
                "StateStore", "Vault", "Telemetry", "Cluster", "Gateway", "MerchantAPI",
                "Resilience",
            ]),
        room(
            "Signing", ["Primitives", "Environment", "PeerWire", "Renewal", "SecureLink"]),
        room("CoreSimulator", ["Primitives", "Raft", "Liveness", "Linearizability"]),
        .target(name: "CSwiftHooks"),
        room(
            "Simulator",
            [
                "CSwiftHooks", "Primitives", "Environment", "Payments", "Linearizability",
                "ISO8583", "Topology", "Journal", "StateStore", "SQLiteDisk", "Vault", "Cluster",
                "Gateway", "MerchantAPI", "Acquirer", "Node",
            ] + collections),

        // The edges: HTTP and the command line.
        .target(name: "CProcess"),
        room(
            "Ingress",
            [
                "Primitives", "Environment", "MerchantAPI", "Telemetry", hummingbird,
                hummingbirdCore, httpTypes, nio, lifecycle, logging,
            ]),
        room(
            "Operations",
            [
                "Primitives", "Environment", "Payments", "Vault", "Cluster", "Gateway",
                "MerchantAPI", "ISO8583", "Acquirer", "Node", "SecureLink", "Topology", "Yams",
            ]),
        .executableTarget(
            name: "sunny",
            dependencies: [
                "Primitives", "Environment", "Payments", "Raft", "Topology", "Transport",
                "Journal", "StateStore", "Vault", "Telemetry", "Cluster", "Gateway",
                "MerchantAPI", "Acquirer", "Node",
                "Simulator", "CoreSimulator", "Linearizability", "Ingress", "Operations",
                "CProcess", "ISO8583", "PeerWire", "SecureLink", "Renewal", "Signing",
                "Resilience",
                logging, lifecycle,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        tests(of: "Primitives"),
        tests(of: "Payments", ["Primitives", "CAllocations"]),
        tests(of: "Liveness", ["Primitives", "ScriptKit"]),
        tests(of: "Gossip", ["Primitives", "ScriptKit"]),
        tests(of: "Linearizability", ["Primitives"]),
        tests(of: "Topology", ["Primitives"]),
        tests(of: "Renewal", ["Primitives", "ScriptKit"]),
        .target(name: "CAllocations", path: "Tests/CAllocations"),
        tests(
            of: "CoreSimulator",
            ["Primitives", "Raft", "Liveness", "Linearizability", "CAllocations"]),
        .target(name: "ScriptKit", path: "Tests/ScriptKit", swiftSettings: strict),
        tests(of: "Raft", ["Primitives", "ScriptKit"]),
        tests(of: "Resilience", ["Primitives"]),
        tests(of: "ISO8583", ["Primitives", "ScriptKit"]),
        .executableTarget(
            name: "CodecPipe", dependencies: ["ISO8583"], path: "Tests/CodecPipe",
            swiftSettings: strict),
        tests(of: "PeerWire", ["Primitives", "ScriptKit"]),
        tests(of: "Transport", ["Primitives", "Environment"]),
        tests(
            of: "SecureLink",
            ["Primitives", "Environment", "Transport", "PeerWire", "Renewal", "CAllocations"]),
        tests(
            of: "Signing",
            ["Primitives", "Environment", "Transport", "PeerWire", "Renewal", "SecureLink"]),
        tests(of: "Journal", ["Primitives", "Environment"]),
        tests(of: "StateStore", ["Primitives", "Environment", grdb]),
        tests(
            of: "SQLiteDisk", ["Primitives", "Environment", "StateStore", "Simulator", grdb]),
        tests(of: "Cluster", ["Primitives", "Environment", "StateStore"]),
        tests(of: "Vault", ["Primitives", "Environment", "Payments"]),
        tests(of: "Telemetry"),
        tests(
            of: "Gateway",
            [
                "Primitives", "Environment", "Payments", "Cluster", "StateStore", "Vault", "Node",
                "Simulator", "Resilience", "ISO8583",
            ]),
        tests(of: "MerchantAPI", ["Primitives", "Environment", "Payments", "Gateway"]),
        tests(of: "Acquirer", ["Primitives", "Environment", "ISO8583", "Transport"]),
        tests(
            of: "Simulator",
            [
                "Primitives", "Environment", "Linearizability", "Raft", "Cluster", "PeerWire",
                "Journal", "StateStore",
            ]),
        tests(
            of: "Operations",
            [
                "Primitives", "Environment", "Payments", "ISO8583", "Acquirer", "Gateway",
                "MerchantAPI", "Node", "Cluster", "SecureLink", "Topology",
            ]),
        .testTarget(name: "TidyTests", swiftSettings: strict),
    ]
)
