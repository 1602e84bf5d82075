import Payments
import Primitives

// The payment engine for a host that has nothing but a memory to share with it: a browser, an edge
// worker, Node.js. Values cross as bytes, in the binary forms that logs and databases have.
//
//   host                                   module
//   allocate(count) ─────────────────────▶ an address; the host writes an input there
//   evolve(state, count, event, count) ──▶ an address: a reply
//   release(address) ────────────────────▶ for inputs and replies, once each
//
// A reply is the count of its bytes (4, little-endian), and then
//
//   0, value      what was asked for
//   1, refusal    the command changes nothing
//   2             the input is no binary form of what it should be
//   3             the event does not fit the state
//
// No input traps.

/// Room for `count` bytes.
@c(allocate)
public func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    .allocate(byteCount: max(count, 1), alignment: 4)
}

/// Gives back what `allocate` or a reply brought.
@c(release)
public func release(_ address: UnsafeMutableRawPointer) {
    address.deallocate()
}

/// The state of a payment that begins with `event`, which is `created`.
@c(create)
public func create(
    _ event: UnsafeRawPointer, _ eventCount: Int
) -> UnsafeMutableRawPointer {
    reply { () throws(DecodingError) in
        let event = try PaymentEvent(encoded: bytes(event, eventCount))
        guard case .created(let facts) = event else {
            throw .invalid(what: "first event", offset: 0)
        }
        return .value(Payment(facts).encoded)
    }
}

/// The state after an event.
@c(evolve)
public func evolve(
    _ state: UnsafeRawPointer, _ stateCount: Int, _ event: UnsafeRawPointer, _ eventCount: Int
) -> UnsafeMutableRawPointer {
    reply { () throws(DecodingError) in
        var payment = try Payment(encoded: bytes(state, stateCount))
        let event = try PaymentEvent(encoded: bytes(event, eventCount))
        do throws(Misfit) {
            try payment.evolve(event)
        } catch {
            return .misfit
        }
        return .value(payment.encoded)
    }
}

/// What happens when a command meets a state: the sequence of the next trace, and the events.
@c(decide)
public func decide(
    _ state: UnsafeRawPointer, _ stateCount: Int, _ command: UnsafeRawPointer,
    _ commandCount: Int, _ context: UnsafeRawPointer, _ contextCount: Int
) -> UnsafeMutableRawPointer {
    reply { () throws(DecodingError) in
        let payment = try Payment(encoded: bytes(state, stateCount))
        let command = try PaymentCommand(encoded: bytes(command, commandCount))
        var (context, traces) = try readContext(bytes(context, contextCount))
        switch payment.decide(command, in: context, traces: &traces) {
        case .failure(let refusal):
            return .refusal(refusal.encoded)
        case .success(let events):
            var writer = ByteWriter()
            writer.writeVarint(traces.next)
            writer.writeArray(events)
            return .value(writer.bytes)
        }
    }
}

/// A state, read and written again.
@c(rewriteState)
public func rewriteState(_ bytes: UnsafeRawPointer, _ count: Int) -> UnsafeMutableRawPointer {
    rewrite(Payment.self, bytes, count)
}

/// An event, read and written again.
@c(rewriteEvent)
public func rewriteEvent(_ bytes: UnsafeRawPointer, _ count: Int) -> UnsafeMutableRawPointer {
    rewrite(PaymentEvent.self, bytes, count)
}

/// A command, read and written again.
@c(rewriteCommand)
public func rewriteCommand(_ bytes: UnsafeRawPointer, _ count: Int) -> UnsafeMutableRawPointer {
    rewrite(PaymentCommand.self, bytes, count)
}

private func rewrite<Value: BinaryCodable>(
    _ type: Value.Type, _ address: UnsafeRawPointer, _ count: Int
) -> UnsafeMutableRawPointer {
    reply { () throws(DecodingError) in
        .value(try Value(encoded: bytes(address, count)).encoded)
    }
}

/// The stamp, the link if there is one, the fees, what the link grants; then whose traces, and the
/// next of them.
private func readContext(
    _ bytes: [UInt8]
) throws(DecodingError) -> (DecisionContext, TraceAllocator) {
    var reader = ByteReader(bytes)
    let now = try reader.read(Timestamp.self)
    let link = try reader.readOptionalString()
    let start = reader.offset
    let (basisPoints, fixed) = (try reader.readSigned(), try reader.readSigned())
    let dispute = try reader.readSigned()
    guard (0...10_000).contains(basisPoints), (0...Money.chargeMaximum).contains(fixed),
        (0...Money.chargeMaximum).contains(dispute)
    else { throw .invalid(what: "fees", offset: start) }
    let offer = try reader.read(HoldOptions.self)
    let traces = TraceAllocator(
        shard: try reader.readInteger(UInt32.self), next: try reader.readVarint())
    try reader.finish()
    let fees = FeeSchedule(
        basisPoints: basisPoints, fixedMinorUnits: fixed, disputeMinorUnits: dispute)
    return (DecisionContext(now: now, link: link, fees: fees, offer: offer), traces)
}

// MARK: The memory

private func bytes(_ address: UnsafeRawPointer, _ count: Int) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: address, count: count))
}

private enum Reply {
    case value([UInt8])
    case refusal([UInt8])
    case misfit
}

private func reply(_ body: () throws(DecodingError) -> Reply) -> UnsafeMutableRawPointer {
    let tag: UInt8
    let payload: [UInt8]
    do {
        switch try body() {
        case .value(let bytes): (tag, payload) = (0, bytes)
        case .refusal(let bytes): (tag, payload) = (1, bytes)
        case .misfit: (tag, payload) = (3, [])
        }
    } catch {
        (tag, payload) = (2, [])
    }
    let count = 1 + payload.count
    let address = allocate(4 + count)
    address.storeBytes(of: UInt32(count).littleEndian, as: UInt32.self)
    address.storeBytes(of: tag, toByteOffset: 4, as: UInt8.self)
    let rest = UnsafeMutableRawBufferPointer(start: address + 5, count: payload.count)
    rest.copyBytes(from: payload)
    return address
}
