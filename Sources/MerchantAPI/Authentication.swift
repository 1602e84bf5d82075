import Payments

/// Who is asking, and in which world.
struct Caller: Sendable {
    let merchant: MerchantID
    let isLive: Bool
    /// Where the merchant's cards stay.
    let jurisdiction: String
}

/// Reads the key of a request and finds whose it is.
enum Authentication {
    /// The longest key that is looked at; ours have about 40 characters.
    private static let keyByteCountMax = 256

    static func caller(
        authorization: String?, directory: MerchantDirectory, sha256: ([UInt8]) -> [UInt8]
    ) throws(APIError) -> Caller {
        guard let authorization else {
            throw .unauthenticated(
                "You did not provide an API key. You need to provide your API key in the "
                    + "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                    + "YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "
                    + "details.")
        }
        guard let key = key(in: authorization), !key.isEmpty else {
            throw .unauthenticated(
                "You did not provide an API key, though you did set your Authorization header. "
                    + "Using Bearer auth, your Authorization header should look something like "
                    + "'Authorization: Bearer YOUR_SECRET_KEY'. See "
                    + "https://stripe.com/docs/api#authentication for details.")
        }
        guard !key.starts(with: "pk_".utf8) else {
            throw APIError(
                status: 403, kind: .invalidRequest, code: "secret_key_required",
                message: "This API call cannot be made with a publishable API key. Please use a "
                    + "secret API key.")
        }
        guard key.count <= keyByteCountMax,
            let entry = directory.entry(keyDigest: sha256(key))
        else { throw .unauthenticated("Invalid API Key provided: \(masked(key))") }
        return Caller(
            merchant: entry.merchant, isLive: entry.isLive, jurisdiction: entry.jurisdiction)
    }

    /// The key of `Bearer <key>` or `Basic <base64 of key:>`.
    private static func key(in authorization: String) -> [UInt8]? {
        let words = authorization.split(separator: " ", maxSplits: 1)
        guard words.count == 2 else { return nil }
        let credentials = Array(words[1].utf8).trimmingBlanks
        switch words[0].lowercased() {
        case "bearer":
            return credentials
        case "basic":
            guard let decoded = Base64.decoded(credentials) else { return nil }
            return Array(decoded.prefix { $0 != UInt8(ascii: ":") })
        default:
            return nil
        }
    }

    /// The kind of the key and its last four characters; the number of stars tells nothing.
    private static func masked(_ key: [UInt8]) -> String {
        let isPlain = key.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        let stars = String(repeating: "*", count: 8)
        guard isPlain else { return stars }
        let text = String(decoding: key, as: UTF8.self)
        let prefix = ["sk_test_", "sk_live_", "rk_test_", "rk_live_"].first {
            text.hasPrefix($0)
        }
        // Four characters of a short key would be most of it.
        let tail = key.count >= 20 ? String(text.suffix(4)) : ""
        return (prefix ?? "") + stars + tail
    }
}

extension APIError {
    fileprivate static func unauthenticated(_ message: String) -> APIError {
        APIError(status: 401, kind: .invalidRequest, message: message)
    }
}

extension [UInt8] {
    fileprivate var trimmingBlanks: [UInt8] {
        let blank = UInt8(ascii: " ")
        return Array(drop { $0 == blank }.reversed().drop { $0 == blank }.reversed())
    }
}

/// Base64 (RFC 4648, section 4), with or without padding.
enum Base64 {
    static func decoded(_ text: [UInt8]) -> [UInt8]? {
        var digits = text[...]
        while digits.last == UInt8(ascii: "=") { digits.removeLast() }
        guard text.count - digits.count <= 2, digits.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        var bitCount = 0
        for digit in digits {
            guard let value = value(of: digit) else { return nil }
            word = word << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bitCount)))
            }
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
