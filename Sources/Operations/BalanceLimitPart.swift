import Gateway
import Payments

// How far refunds may take a merchant below zero, as the configuration file has it: a number for
// every currency, or a mapping of currencies to numbers. Without the key there is no limit.

extension NodeFile {
    static let balanceLimitKey = "negative_balance_limit"

    static func readBalanceLimit(
        _ merchant: ConfigurationSection
    ) throws(CommandFailure) -> BalanceLimit? {
        let range = 0...Int(BalanceLimit.maximum)
        guard merchant.has(balanceLimitKey) else { return nil }
        guard merchant.isMapping(balanceLimitKey) else {
            return .everywhere(Int64(try merchant.integer(balanceLimitKey, in: range)))
        }
        let codes = Currency.all.map(\.code)
        let section = try merchant.section(balanceLimitKey, keys: codes)
        var numbers: [Currency: Int64] = [:]
        for currency in Currency.all where section.has(currency.code) {
            numbers[currency] = Int64(try section.integer(currency.code, in: range))
        }
        guard !numbers.isEmpty else {
            throw merchant.failure(
                balanceLimitKey, "it names no currency", remedy: "write 0 for nothing in any")
        }
        return .named(numbers)
    }

    /// As the file writes it.
    static func effective(_ limit: BalanceLimit) -> ConfigurationTree {
        switch limit {
        case .everywhere(let number): return .number(Int(number))
        case .named(let numbers):
            let pairs = numbers.sorted { $0.key < $1.key }.map { currency, number in
                ConfigurationTree.Pair(key: currency.code, value: .number(Int(number)))
            }
            return .mapping(pairs)
        }
    }
}
