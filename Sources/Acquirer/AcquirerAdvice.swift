public import ISO8583
public import Primitives

/// An advice that the host has answered: what it was about, and the answer that a repeat gets.
public struct AcquirerAdvice: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// 0220.
        case capture
        /// 0220 with processing code 20xxxx.
        case refund
        /// 0420.
        case reversal
    }

    /// Ascending in the order of arrival, from 1.
    public let id: Int64
    /// The advice's own key.
    public let key: TransactionKey
    public let kind: Kind
    /// The transaction that it changed or made, the first one when a capture draws on several; nil
    /// when it was refused.
    public let transactionID: Int64?
    /// In minor units, what is captured or refunded, or what a reversal leaves of its original.
    public let amount: Int64
    /// DE 39 of the answer.
    public let responseCode: ResponseCode
    public let receivedAt: Timestamp
}
