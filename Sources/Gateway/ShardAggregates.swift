public import Cluster
public import Payments
public import Primitives
public import StateStore

/// What a merchant shard stores, one row each.
public enum GatewayAggregate: Hashable, Sendable {
    // The large ones lie behind a pointer, for tables and queues move aggregates about.
    indirect case payment(Payment)
    indirect case method(PaymentMethod)
    indirect case idempotency(IdempotencyRecord, merchant: MerchantID)
    /// Sums of a merchant's accounts, or of the shard's accounts with one link.
    case books(LedgerBalances, owner: String)
    case shard(ShardFacts)
    /// Whose attempt a reference names: a line of the index by link and reference.
    case attempt(AttemptPlace)
    /// When a payment has to be looked at because something of it ends by time: a line of the index
    /// by that time. Nil once there is nothing to look at, which means the same as no line.
    case due(PaymentID, at: Timestamp?)
}

/// Where an attempt is found.
public struct AttemptPlace: Hashable, Sendable {
    public let payment: PaymentID
    public let number: Int
    /// When the attempt was begun.
    public let created: Timestamp

    public init(payment: PaymentID, number: Int, created: Timestamp) {
        self.payment = payment
        self.number = number
        self.created = created
    }
}

/// What a shard knows of itself.
public struct ShardFacts: Hashable, Sendable {
    /// The sequence that no trace has used yet.
    public var nextTraceSequence: UInt64 = 0
    /// The newest stamp in the log.
    public var stamp = Timestamp(milliseconds: 0)

    public init() {}
}

extension AggregateKind {
    static let payment = AggregateKind(rawValue: 1)
    static let method = AggregateKind(rawValue: 2)
    static let idempotency = AggregateKind(rawValue: 3)
    package static let books = AggregateKind(rawValue: 4)
    static let shard = AggregateKind(rawValue: 5)
    /// Records of minted keys, apart because they are forgotten after a minute and not a day.
    static let mintedIdempotency = AggregateKind(rawValue: 6)
    static let attempt = AggregateKind(rawValue: 7)
    static let due = AggregateKind(rawValue: 8)
}

extension AggregateKey {
    static func payment(_ id: PaymentID, in group: GroupID) -> AggregateKey {
        AggregateKey(group: group, kind: .payment, id: id.stem.text)
    }

    static func method(_ id: PaymentMethodID, in group: GroupID) -> AggregateKey {
        AggregateKey(group: group, kind: .method, id: id.stem.text)
    }

    static func idempotency(_ claim: IdempotencyClaim, in group: GroupID) -> AggregateKey {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in claim.keyDigest {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return AggregateKey(
            group: group, kind: claim.isMinted ? .mintedIdempotency : .idempotency,
            id: String(decoding: text, as: UTF8.self))
    }

    /// The reference first, as it counts up: new lines go to the end of the table.
    static func attempt(link: String, reference: String, in group: GroupID) -> AggregateKey {
        AggregateKey(group: group, kind: .attempt, id: "\(reference):\(link)")
    }

    static func attempt(_ trace: ProcessorTrace, in group: GroupID) -> AggregateKey {
        attempt(link: trace.link, reference: trace.reference, in: group)
    }

    static func due(_ id: PaymentID, in group: GroupID) -> AggregateKey {
        AggregateKey(group: group, kind: .due, id: id.stem.text)
    }

    /// The `created` of a line about a payment that is not due: before all others, where the lines
    /// are removed.
    static let notDue: Int64 = 0

    static func merchantBooks(_ scope: PaymentScope, in group: GroupID) -> AggregateKey {
        books("\(scope.merchant)", scope, in: group)
    }

    static func linkBooks(
        _ link: String, _ scope: PaymentScope, in group: GroupID
    ) -> AggregateKey {
        books("link:\(link)", scope, in: group)
    }

    private static func books(
        _ owner: String, _ scope: PaymentScope, in group: GroupID
    ) -> AggregateKey {
        let mode = scope.isLive ? "live" : "test"
        return AggregateKey(
            group: group, kind: .books, id: "\(owner):\(scope.currency.code):\(mode)")
    }

    static func shard(_ group: GroupID) -> AggregateKey {
        AggregateKey(group: group, kind: .shard, id: "shard")
    }
}

extension GatewayAggregate: ShardAggregate {
    public func row(key: AggregateKey) -> AggregateRow {
        var writer = ByteWriter(capacity: 512)
        let owner: String
        var created: Int64 = 0
        var version: UInt64 = 0
        var isOpen = false
        switch self {
        case .payment(let payment):
            writer.write(payment)
            owner = "\(payment.merchant):\(payment.isLive ? "live" : "test")"
            created = payment.created.milliseconds
            version = payment.version
            isOpen = payment.hasUnfinishedWork
        case .method(let method):
            writer.write(method)
            owner = "\(method.merchant):\(method.isLive ? "live" : "test")"
            created = method.created.milliseconds
        case .idempotency(let record, let merchant):
            writer.write(merchant)
            writer.write(record)
            owner = "\(merchant)"
            created = record.created.milliseconds
            if case .inFlight = record.state { isOpen = true }
        case .books(let balances, let name):
            writer.write(name)
            writer.write(balances)
            owner = ""
        case .shard(let facts):
            writer.writeVarint(facts.nextTraceSequence)
            writer.write(facts.stamp)
            owner = ""
        case .attempt(let place):
            writer.write(place.payment)
            writer.writeVarint(UInt64(place.number))
            writer.write(place.created)
            owner = ""
            created = place.created.milliseconds
        case .due(let payment, let time):
            writer.write(payment)
            writer.writeOptional(time)
            owner = ""
            created = time?.milliseconds ?? AggregateKey.notDue
        }
        return AggregateRow(
            key: key, owner: owner, created: created, version: version, isOpen: isOpen,
            payload: writer.bytes)
    }

    public init(row: AggregateRow) throws(Primitives.DecodingError) {
        var reader = ByteReader(row.payload)
        switch row.key.kind {
        case .payment:
            self = .payment(try reader.read())
        case .method:
            self = .method(try reader.read())
        case .idempotency, .mintedIdempotency:
            let merchant = try reader.read(MerchantID.self)
            self = .idempotency(try reader.read(), merchant: merchant)
        case .books:
            let owner = try reader.readString()
            self = .books(try reader.read(), owner: owner)
        case .shard:
            var facts = ShardFacts()
            facts.nextTraceSequence = try reader.readVarint()
            facts.stamp = try reader.read()
            self = .shard(facts)
        case .attempt:
            self = .attempt(
                AttemptPlace(
                    payment: try reader.read(), number: try reader.readInteger(Int.self),
                    created: try reader.read()))
        case .due:
            self = .due(try reader.read(), at: try reader.readOptional())
        default:
            throw .invalid(what: "aggregate kind", offset: 0)
        }
        try reader.finish()
    }
}

/// The owner column of a merchant's payments in one mode.
func paymentOwner(_ merchant: MerchantID, isLive: Bool) -> String {
    "\(merchant):\(isLive ? "live" : "test")"
}
