import PeerWire
import Primitives

/// Appends the bytes of each word of hexadecimal digits; nil when it is none.
func bytes(hexadecimal text: some StringProtocol) -> [UInt8]? {
    let digits = text.filter { !$0.isWhitespace }.map(\.hexDigitValue)
    guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map {
        UInt8(digits[$0]! << 4 | digits[$0 + 1]!)
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let digits = String(byte, radix: 16)
        return byte < 16 ? "0" + digits : digits
    }.joined()
}

/// A frame as the scripts print it.
func describe(_ frame: PeerFrame) -> String {
    let header = frame.header
    let budget = header.budget.map { "\($0.wholeNanoseconds / 1000) µs" } ?? "none"
    let payload = frame.payload.count <= 64 ? hexadecimal(frame.payload) : ""
    return "frame kind \(header.kind.rawValue), request \(header.requestID), "
        + "group \(header.group.rawValue), budget \(budget), "
        + "\(frame.payload.count) bytes \(payload)"
}

extension PeerFrameHeader.Kind {
    static let test = PeerFrameHeader.Kind(rawValue: 7)
}
