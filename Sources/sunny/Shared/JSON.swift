import FoundationEssentials

/// JSON as the command line reads and writes it: keys in snake case and sorted.
enum JSON {
    static func text(_ value: some Encodable) -> String {
        String(decoding: encode(value, [.prettyPrinted]), as: UTF8.self)
    }

    /// On one line.
    static func line(_ value: some Encodable) -> [UInt8] { encode(value, []) }

    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(type, from: Data(bytes))
    }

    private static func encode(
        _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting
    ) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        do {
            return Array(try encoder.encode(value))
        } catch {
            // Our values hold numbers, texts and lists of them, which all can be written.
            preconditionFailure("\(type(of: value)) cannot be written as JSON")
        }
    }
}
