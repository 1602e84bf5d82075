import Payments
import Primitives

/// Turns `application/x-www-form-urlencoded` bytes into parameters (WHATWG URL, section 5.1, with
/// nested names in brackets as `a[b][0]=v`).
///
/// Total over all bytes: what it does not accept comes back as an error that names the reason.
package enum FormDecoder {
    /// A request of this API has some dozens of short parameters; 50 metadata entries of full
    /// length come to 27 KiB as plain text. What is held for a request is a small multiple of it.
    package static let byteCountMax = 64 * 1024
    /// The deepest name that the API has is `payment_method_data[billing_details][address][line1]`.
    package static let depthMax = 5
    /// Fifty metadata entries and every other parameter come to less than a tenth of it.
    package static let parameterCountMax = 1000
    /// A metadata key of 40 characters of four bytes, and what stands around it.
    package static let nameByteCountMax = 256
    /// The longest value that the API documents, 5,000 characters, taken as bytes.
    package static let valueByteCountMax = 5000

    /// Decodes a body or a query.
    package static func decode(_ bytes: some Collection<UInt8>) throws(APIError) -> Parameters {
        guard bytes.count <= byteCountMax else {
            throw .invalid("The request has more than \(byteCountMax) bytes of parameters.")
        }
        var entries: [Parameters.Entry] = []
        // How many elements `name[]` has had so far, by the name in front of the brackets.
        var appendedCounts: [[String]: Int] = [:]
        for field in bytes.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            guard entries.count < parameterCountMax else {
                throw .invalid("The request has more than \(parameterCountMax) parameters.")
            }
            let halves = field.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try text(halves[0], of: "name", byteCountMax: nameByteCountMax, param: nil)
            var path = try path(of: name)
            if path[path.count - 1].isEmpty {
                path.removeLast()
                let index = appendedCounts[path, default: 0]
                appendedCounts[path] = index + 1
                path.append(String(index))
            }
            let written = halves.count == 2 ? halves[1] : field[field.endIndex...]
            if CardDraft.secretNames.contains(Parameters.name(of: path)) {
                entries.append(
                    Parameters.Entry(
                        path: path,
                        secret: try secret(written, param: Parameters.name(of: path))))
                continue
            }
            let value = try text(
                written, of: "value", byteCountMax: valueByteCountMax,
                param: Parameters.name(of: path))
            entries.append(Parameters.Entry(path: path, value: value))
        }
        return try Parameters(entries)
    }

    /// Undoes percent and plus encoding. Nil when a percent sign is not followed by two
    /// hexadecimal digits.
    package static func percentDecoded(
        _ bytes: some Collection<UInt8>, plusIsBlank: Bool
    ) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(hexadecimalValue),
                    let low = iterator.next().flatMap(hexadecimalValue)
                else { return nil }
                decoded.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsBlank:
                decoded.append(UInt8(ascii: " "))
            default:
                decoded.append(byte)
            }
        }
        return decoded
    }

    private static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func text(
        _ bytes: some Collection<UInt8>, of part: String, byteCountMax: Int, param: String?
    ) throws(APIError) -> String {
        guard let decoded = percentDecoded(bytes, plusIsBlank: true) else {
            throw .invalid(
                "A parameter's \(part) has a % that two hexadecimal digits do not follow.",
                param: param)
        }
        guard decoded.count <= byteCountMax else {
            throw .invalid(
                "A parameter's \(part) has more than \(byteCountMax) bytes.", param: param)
        }
        guard !decoded.contains(0), let text = String(validating: decoded, as: UTF8.self) else {
            throw .invalid("A parameter's \(part) is not valid UTF-8 text.", param: param)
        }
        return text
    }

    /// The value of a parameter of which no text is made. What is no digit, its reader refuses.
    private static func secret(
        _ bytes: some Collection<UInt8>, param: String
    ) throws(APIError) -> SensitiveBytes {
        guard var decoded = percentDecoded(bytes, plusIsBlank: true) else {
            throw .invalid(
                "A parameter's value has a % that two hexadecimal digits do not follow.",
                param: param)
        }
        defer { for index in decoded.indices { decoded[index] = 0 } }
        guard decoded.count <= valueByteCountMax else {
            throw .invalid(
                "A parameter's value has more than \(valueByteCountMax) bytes.", param: param)
        }
        return SensitiveBytes(copying: decoded)
    }

    /// The segments of `a[b][c]`; the last one is empty for `a[]`.
    private static func path(of name: String) throws(APIError) -> [String] {
        guard !CardNumber.appears(in: name) else {
            throw .cardNumber(in: "The name of a parameter", param: nil)
        }
        let malformed = APIError.invalid(
            "A parameter's name is malformed. Nested parameters are written as `a[b]=value`.")
        let bytes = name.utf8
        let open = UInt8(ascii: "[")
        let close = UInt8(ascii: "]")
        guard let baseEnd = bytes.firstIndex(where: { $0 == open || $0 == close }) else {
            guard !name.isEmpty else { throw malformed }
            return [name]
        }
        guard baseEnd > bytes.startIndex else { throw malformed }
        var path = [String(name[..<baseEnd])]
        var position = baseEnd
        while position < bytes.endIndex {
            let start = bytes.index(after: position)
            guard bytes[position] == open,
                let end = bytes[start...].firstIndex(where: { $0 == open || $0 == close }),
                bytes[end] == close
            else { throw malformed }
            path.append(String(name[start..<end]))
            guard path.count <= depthMax else {
                throw .invalid("A parameter's name is nested more than \(depthMax) levels deep.")
            }
            position = bytes.index(after: end)
            guard start < end || position == bytes.endIndex else {
                throw .invalid("`[]` is only understood at the end of a name; use indexes.")
            }
        }
        return path
    }
}
