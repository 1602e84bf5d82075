import GRDB
import Primitives

/// The tables, and the steps that lead from one version of them to the next.
///
/// ```sql
/// aggregate (shard, kind, id, owner, created, version, is_open, payload)
///     -- One row an aggregate, clustered by shard and kind. Its `shard` is a slot: a generation
///     -- of the shard's rows, as `generation << 32 | shard`.
/// aggregate_by_owner (shard, kind, owner, created DESC, id DESC)
///     -- Listings, newest first. Reading it backwards serves the other direction.
/// aggregate_open (shard, kind) WHERE is_open = 1
///     -- Unfinished outbox work; SQLite appends the rest of the primary key, so it is in id order.
/// shard (shard, applied_index, applied_term, slot, installed_index, installed_term,
///        installed_context, configuration)
///     -- Changed in the same transaction as the rows. `slot` says which rows count; those of other
///     -- slots are of an older generation, or of one that was not written to its end. The next
///     -- three say which snapshot the rows began with; 0, 0 and NULL where it was none. The last
///     -- one has the group's members at the applied index; NULL while they are the first ones.
/// meta (name, value)
///     -- 'schema_version' as an integer; facts of the cluster as blobs, named 'fact:' + name.
/// ```
///
/// Text compares by its bytes. `kind` is 0…255, `shard` 0…2³²−1 (in `aggregate`, a slot),
/// `version` a UInt64 by its bit pattern; indexes, terms and slots stay below 2⁶³.
package enum StateStoreSchema {
    /// "SUNY": tells a state store from any other SQLite file.
    static let applicationID: Int64 = 0x5355_4E59

    static var versionSupported: Int64 { Int64(migrations.count) }

    /// Element n leads from version n to n + 1. A published one is never changed.
    private static let migrations: [String] = [
        """
        CREATE TABLE aggregate (
            shard INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            id TEXT NOT NULL,
            owner TEXT NOT NULL,
            created INTEGER NOT NULL,
            version INTEGER NOT NULL,
            is_open INTEGER NOT NULL,
            payload BLOB NOT NULL,
            PRIMARY KEY (shard, kind, id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX aggregate_by_owner
            ON aggregate (shard, kind, owner, created DESC, id DESC);
        CREATE INDEX aggregate_open ON aggregate (shard, kind) WHERE is_open = 1;
        CREATE TABLE shard (
            shard INTEGER NOT NULL PRIMARY KEY,
            applied_index INTEGER NOT NULL,
            applied_term INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE meta (
            name TEXT NOT NULL PRIMARY KEY,
            value ANY NOT NULL
        ) STRICT, WITHOUT ROWID;
        """,
        """
        ALTER TABLE shard ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE shard ADD COLUMN installed_index INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE shard ADD COLUMN installed_term INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE shard ADD COLUMN installed_context BLOB;
        UPDATE shard SET slot = shard;
        """,
        """
        ALTER TABLE shard ADD COLUMN configuration BLOB;
        UPDATE shard SET configuration = installed_context;
        """,
    ]

    /// The steps that lead from nothing to an older version, for tests of the steps behind it.
    package static func steps(to version: Int) -> [String] {
        Array(migrations[..<version])
    }

    /// From this version on a shard's rows have slots.
    static let versionWithSlots: Int64 = 2
    /// From this version on the members of the groups are stored.
    static let versionWithConfigurations: Int64 = 3

    /// The version of the tables in the file; 0 for a file without any.
    ///
    /// - Throws: `corrupt` for a file that belongs to something else, `newerSchema` for one that a
    ///   later version wrote.
    static func version(_ database: Database) throws -> Int64 {
        let application = try Int64.fetchOne(database, sql: "PRAGMA application_id")
        let tableCount = try Int64.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema")
        if application == 0, tableCount == 0 { return 0 }
        guard application == applicationID,
            let version = try Int64.fetchOne(
                database, sql: "SELECT value FROM meta WHERE name = 'schema_version'"),
            version > 0
        else {
            throw StateStoreError.corrupt(
                operation: "read the schema version", code: ResultCode.SQLITE_NOTADB.rawValue)
        }
        guard version <= versionSupported else {
            throw StateStoreError.newerSchema(found: version, supported: versionSupported)
        }
        return version
    }

    /// Brings the tables to the supported version, all steps in one transaction.
    static func migrate(_ database: Database) throws {
        try database.inTransaction(.immediate) {
            let version = try version(database)
            guard version < versionSupported else { return .commit }
            if version == 0 {
                try database.execute(sql: "PRAGMA application_id = \(applicationID)")
            }
            for migration in migrations[Int(version)...] {
                try database.execute(sql: migration)
            }
            try setVersion(versionSupported, database)
            return .commit
        }
    }

    static func setVersion(_ version: Int64, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO meta (name, value) VALUES ('schema_version', ?)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                """, arguments: [version])
    }
}
