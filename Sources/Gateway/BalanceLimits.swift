public import Payments

/// How far below zero refunds may take a merchant's balance, in minor units.
public enum BalanceLimit: Hashable, Sendable {
    /// The same number in each currency.
    case everywhere(Int64)
    /// In currencies that are not named, nothing.
    case named([Currency: Int64])

    /// The largest limit: ten times what a million payments of the largest amount come to, and far
    /// from where sums with it would leave Int64.
    public static let maximum: Int64 = 1_000_000_000_000_000

    /// Not negative, and no more than `maximum`.
    public func minorUnits(in currency: Currency) -> Int64 {
        let limit =
            switch self {
            case .everywhere(let number): number
            case .named(let numbers): numbers[currency] ?? 0
            }
        return max(0, min(Self.maximum, limit))
    }
}

/// The limits of the merchants that have one. Only the leader that decides a refund looks at them,
/// so that nodes whose files differ for a moment do not come to hold different states.
public struct BalanceLimits: Sendable {
    private struct Owner: Hashable, Sendable {
        let merchant: MerchantID
        let isLive: Bool
    }

    private var limits: [Owner: BalanceLimit] = [:]

    /// Nobody has a limit.
    public init() {}

    /// The limit of a merchant in one mode; nil for none.
    public subscript(merchant: MerchantID, isLive isLive: Bool) -> BalanceLimit? {
        get { limits[Owner(merchant: merchant, isLive: isLive)] }
        set { limits[Owner(merchant: merchant, isLive: isLive)] = newValue }
    }

    /// How far the payment's refunds may take its merchant below zero; nil for no limit.
    func minorUnits(for payment: Payment) -> Int64? {
        self[payment.merchant, isLive: payment.isLive]?.minorUnits(
            in: payment.terms.amount.currency)
    }
}
