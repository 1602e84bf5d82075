/// Why bytes are no data objects. Holds places and counts, never content.
public struct DataObjectError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// The bytes end within a tag or a length.
        case truncated
        /// A tag of more than four bytes.
        case tagTooLong
        /// The length is left open, or has more than two bytes behind its first: EMV has neither.
        case lengthForm
        /// The length says more than there is left of the template, or of all bytes.
        case lengthOverEnd(found: Int, left: Int)
        /// Templates in templates, more than the limit.
        case tooDeep(maximum: Int)
        /// More objects than the limit.
        case tooMany(maximum: Int)
    }

    public let reason: Reason
    /// Bytes from the start to the wrong tag or length.
    public let offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "byte \(offset): \(reason)" }
}

/// The chip data of DE 55: data objects of tag, length and value, some of which are templates of
/// further ones (EMV 4.3 Book 3 annex B, which is BER of ISO/IEC 8825-1 with definite lengths).
///
/// A view: nothing is copied but the places, and depth and count are bounded, whatever the bytes
/// say.
public struct DataObjects: Sendable {
    /// What bounds the work for bytes that somebody else has made.
    public struct Limits: Hashable, Sendable {
        /// Templates in each other; the standard's own are at most three deep (6F, A5, BF0C).
        public var depthMaximum: Int
        /// All objects together. Issuers ask for some thirty; 255 bytes hold 127 empty ones.
        public var countMaximum: Int

        public init(depthMaximum: Int = 4, countMaximum: Int = 128) {
            precondition(depthMaximum > 0 && countMaximum > 0, "no object is allowed")
            self.depthMaximum = depthMaximum
            self.countMaximum = countMaximum
        }
    }

    /// One object, in the order of the bytes: a template stands before what it holds.
    public struct Object: Hashable, Sendable {
        /// The bytes of the tag as one number, such as 0x9F26.
        public let tag: UInt32
        /// Whether the value is made of further objects.
        public let isTemplate: Bool
        /// How many templates it is in.
        public let depth: Int
        /// Where the value lies, from the start of the bytes.
        public let range: Range<Int>
    }

    public let objects: [Object]
    private let bytes: ArraySlice<UInt8>

    /// The objects of `bytes`: all of them, or an error that names the byte.
    public init(
        _ bytes: ArraySlice<UInt8>, limits: Limits = Limits()
    ) throws(DataObjectError) {
        var reader = DataObjectReader(limits: limits)
        objects = try reader.read(bytes.span)
        self.bytes = bytes
    }

    /// The value of an object: a view.
    public func value(of object: Object) -> ArraySlice<UInt8> {
        let start = bytes.startIndex
        return bytes[(start + object.range.lowerBound)..<(start + object.range.upperBound)]
    }

    /// The value of the first object with that tag, in whatever template it is; nil without one.
    public subscript(tag: UInt32) -> ArraySlice<UInt8>? {
        objects.first { $0.tag == tag }.map { value(of: $0) }
    }
}

extension Message {
    /// The data objects of DE 55; nil when it is not there.
    public func chipData(
        limits: DataObjects.Limits = DataObjects.Limits()
    ) throws(DataObjectError) -> DataObjects? {
        guard let bytes = self[.chipData] else { return nil }
        return try DataObjects(bytes, limits: limits)
    }
}

/// Walks through data objects without recursion.
private struct DataObjectReader {
    let limits: DataObjects.Limits
    private var position = 0
    /// Where the open templates end, the innermost last.
    private var ends: [Int] = []

    init(limits: DataObjects.Limits) {
        self.limits = limits
    }

    mutating func read(_ bytes: Span<UInt8>) throws(DataObjectError) -> [DataObjects.Object] {
        var objects: [DataObjects.Object] = []
        while true {
            while let end = ends.last, position == end { ends.removeLast() }
            let end = ends.last ?? bytes.count
            guard position < end else { return objects }
            // Zeros may stand before, between and behind objects (EMV 4.3 Book 3, B1).
            if bytes[position] == 0 {
                position += 1
                continue
            }
            guard objects.count < limits.countMaximum else {
                throw DataObjectError(.tooMany(maximum: limits.countMaximum), at: position)
            }
            objects.append(try readObject(bytes, end: end))
        }
    }

    /// The object that begins here; the position moves behind it, or into it if it is a template.
    private mutating func readObject(
        _ bytes: Span<UInt8>, end: Int
    ) throws(DataObjectError) -> DataObjects.Object {
        let start = position
        let isTemplate = bytes[position] & 0x20 != 0
        let tag = try readTag(bytes, end: end)
        let lengthStart = position
        let length = try readLength(bytes, end: end)
        guard length <= end - position else {
            throw DataObjectError(
                .lengthOverEnd(found: length, left: end - position), at: lengthStart)
        }
        let depth = ends.count
        let range = position..<(position + length)
        if isTemplate {
            guard depth < limits.depthMaximum else {
                throw DataObjectError(.tooDeep(maximum: limits.depthMaximum), at: start)
            }
            ends.append(range.upperBound)
        } else {
            position = range.upperBound
        }
        return DataObjects.Object(tag: tag, isTemplate: isTemplate, depth: depth, range: range)
    }

    private mutating func next(
        _ bytes: Span<UInt8>, end: Int
    ) throws(DataObjectError) -> UInt8 {
        guard position < end else { throw DataObjectError(.truncated, at: position) }
        defer { position += 1 }
        return bytes[position]
    }

    /// A byte whose low five bits are set goes on, and then each whose highest bit is set.
    private mutating func readTag(
        _ bytes: Span<UInt8>, end: Int
    ) throws(DataObjectError) -> UInt32 {
        let start = position
        var byte = try next(bytes, end: end)
        var tag = UInt32(byte)
        guard byte & 0x1F == 0x1F else { return tag }
        repeat {
            byte = try next(bytes, end: end)
            guard position - start <= 4 else { throw DataObjectError(.tagTooLong, at: start) }
            tag = tag << 8 | UInt32(byte)
        } while byte & 0x80 != 0
        return tag
    }

    /// A byte up to 127, or 128 and how many bytes say it.
    private mutating func readLength(
        _ bytes: Span<UInt8>, end: Int
    ) throws(DataObjectError) -> Int {
        let start = position
        let first = try next(bytes, end: end)
        guard first >= 0x80 else { return Int(first) }
        let byteCount = Int(first & 0x7F)
        guard 1...2 ~= byteCount else { throw DataObjectError(.lengthForm, at: start) }
        var length = 0
        for _ in 0..<byteCount { length = length << 8 | Int(try next(bytes, end: end)) }
        return length
    }
}
