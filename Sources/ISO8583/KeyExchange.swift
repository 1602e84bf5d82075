public import Primitives

/// A working key on its way to the other side: what an 0800 with code 161 carries.
///
/// The standard leaves the elements to the parties. Ours: DE 48 holds the hexadecimal digits of the
/// key under the transport key that both sides have, and of its check value, the first three bytes
/// of a block of zeros under the key itself (ANSI X9.24-1). DE 96, where the parties agreed on one,
/// holds the message security code that shows who may change keys.
public struct KeyExchange: Sendable {
    /// The key under the transport key: 8, 16 or 24 bytes.
    public let encryptedKey: Secret<[UInt8]>
    /// Three bytes.
    public let checkValue: [UInt8]
    /// Eight bytes, or nil.
    public let securityCode: Secret<[UInt8]>?

    private static let checkValueByteCount = 3
    private static let securityCodeByteCount = 8

    /// Nil when a part has another length.
    public init?(
        encryptedKey: Secret<[UInt8]>, checkValue: [UInt8], securityCode: Secret<[UInt8]>? = nil
    ) {
        guard [8, 16, 24].contains(encryptedKey.reveal({ $0.count })),
            checkValue.count == Self.checkValueByteCount,
            securityCode.map({ $0.reveal { $0.count == Self.securityCodeByteCount } }) ?? true
        else { return nil }
        self.encryptedKey = encryptedKey
        self.checkValue = checkValue
        self.securityCode = securityCode
    }

    /// The key exchange that a message carries; nil when it is none, or malformed.
    public init?(_ message: Message) {
        guard message.networkManagementCode == .keyExchange, let digits = message[.privateData],
            var key = Self.bytes(hexadecimal: digits), key.count > Self.checkValueByteCount
        else { return nil }
        let checkValue = Array(key.suffix(Self.checkValueByteCount))
        key.removeLast(Self.checkValueByteCount)
        self.init(
            encryptedKey: Secret(key), checkValue: checkValue,
            securityCode: message.secret(.messageSecurityCode))
    }

    /// The 0800 that carries the key.
    public func message(trace: TraceNumber, at time: TransmissionTime) -> Message {
        var message = Message.networkManagement(.keyExchange, trace: trace, at: time)
        encryptedKey.reveal { key in
            message.set(.privateData, Self.digits(key + checkValue))
        }
        if let securityCode { message.set(.messageSecurityCode, secret: securityCode) }
        return message
    }

    private static func digits(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { [UInt8(hexadecimal: $0 >> 4), UInt8(hexadecimal: $0 & 0xF)] }
    }

    private static func bytes(hexadecimal digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: digits.startIndex, to: digits.endIndex, by: 2) {
            guard let high = digits[index].hexadecimalValue,
                let low = digits[index + 1].hexadecimalValue
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
