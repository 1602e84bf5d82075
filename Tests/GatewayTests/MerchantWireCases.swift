import Gateway
import Payments

// The cases of what goes over the links, without what they hold. A new case of a type does not
// compile here, and once it has its name here, a test fails until it is among the samples.

enum CommandCase: CaseIterable {
    case createPaymentMethod, createPayment, confirmPayment, incrementPayment, capturePayment
    case cancelPayment, createRefund, cancelRefund

    init(_ command: MerchantCommand) {
        self =
            switch command {
            case .createPaymentMethod: .createPaymentMethod
            case .createPayment: .createPayment
            case .confirmPayment: .confirmPayment
            case .incrementPayment: .incrementPayment
            case .capturePayment: .capturePayment
            case .cancelPayment: .cancelPayment
            case .createRefund: .createRefund
            case .cancelRefund: .cancelRefund
            }
    }
}

enum SourceCase: CaseIterable {
    case none, stored, new

    /// Where the card of a command comes from; nil of a command that has none.
    init?(_ command: MerchantCommand) {
        switch command {
        case .createPayment(let payment): self.init(payment.method)
        case .confirmPayment(_, let method): self.init(method)
        case .createPaymentMethod, .incrementPayment, .capturePayment, .cancelPayment,
            .createRefund, .cancelRefund:
            return nil
        }
    }

    private init(_ source: MethodSource?) {
        self =
            switch source {
            case nil: .none
            case .stored: .stored
            case .new: .new
            }
    }
}

enum QueryCase: CaseIterable {
    case payment, paymentMethod, newest, after, before

    init(_ query: MerchantQuery) {
        switch query {
        case .payment: self = .payment
        case .paymentMethod: self = .paymentMethod
        case .payments(let page):
            self =
                switch page.cursor {
                case nil: .newest
                case .after: .after
                case .before: .before
                }
        }
    }
}

enum ReplyCase: CaseIterable {
    case payment, declined, incrementDeclined, refund, paymentMethod, refused, failure
    case queriedPayment, queriedMethod, payments, noSuchCursor, queryFailure

    init(_ answer: MerchantAnswer) {
        switch answer {
        case .command(.outcome(let outcome, _)):
            self =
                switch outcome {
                case .payment: .payment
                case .declined: .declined
                case .incrementDeclined: .incrementDeclined
                case .refund: .refund
                case .paymentMethod: .paymentMethod
                case .refused: .refused
                }
        case .command(.failure): self = .failure
        case .query(let reply):
            self =
                switch reply {
                case .payment: .queriedPayment
                case .paymentMethod: .queriedMethod
                case .payments: .payments
                case .noSuchCursor: .noSuchCursor
                case .failure: .queryFailure
                }
        }
    }
}

enum FailureCase: CaseIterable {
    case unavailable, keyInUse, keyMismatch, lockTimeout, overloaded

    init(_ failure: GatewayFailure) {
        self =
            switch failure {
            case .unavailable: .unavailable
            case .keyInUse: .keyInUse
            case .keyMismatch: .keyMismatch
            case .lockTimeout: .lockTimeout
            case .overloaded: .overloaded
            }
    }
}

/// In the order of the source.
enum RefusalCase: CaseIterable {
    case unexpectedStatus, methodMissing, attemptsExhausted, captureTooLarge, refundTooLarge
    case alreadyRefunded, refundsExhausted, amountNotPositive, noSuchPayment, noSuchPaymentMethod
    case noSuchPart, noLinkAvailable, amountTooSmall, amountTooLarge, metadataTooLarge
    case currencyMismatch, capturesExhausted, multicaptureNotGranted, incrementNotGranted
    case incrementTooSmall, incrementsExhausted, incrementPending, incrementAfterOvercapture
    case noSuchChallenge, noSuchRefund, refundNotCancelable, noSuchDispute
    case unexpectedDisputeStatus, disputesExhausted, evidenceTooLarge, chargeDisputed
    case nothingCaptured, alreadySettled, settlementMismatch, insufficientBalance
    case unexpectedPayoutStatus

    init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .unexpectedStatus: .unexpectedStatus
            case .methodMissing: .methodMissing
            case .attemptsExhausted: .attemptsExhausted
            case .captureTooLarge: .captureTooLarge
            case .refundTooLarge: .refundTooLarge
            case .alreadyRefunded: .alreadyRefunded
            case .refundsExhausted: .refundsExhausted
            case .amountNotPositive: .amountNotPositive
            case .noSuchPayment: .noSuchPayment
            case .noSuchPaymentMethod: .noSuchPaymentMethod
            case .noSuchPart: .noSuchPart
            case .noLinkAvailable: .noLinkAvailable
            case .amountTooSmall: .amountTooSmall
            case .amountTooLarge: .amountTooLarge
            case .metadataTooLarge: .metadataTooLarge
            case .currencyMismatch: .currencyMismatch
            case .capturesExhausted: .capturesExhausted
            case .multicaptureNotGranted: .multicaptureNotGranted
            case .incrementNotGranted: .incrementNotGranted
            case .incrementTooSmall: .incrementTooSmall
            case .incrementsExhausted: .incrementsExhausted
            case .incrementPending: .incrementPending
            case .incrementAfterOvercapture: .incrementAfterOvercapture
            case .noSuchChallenge: .noSuchChallenge
            case .noSuchRefund: .noSuchRefund
            case .refundNotCancelable: .refundNotCancelable
            case .noSuchDispute: .noSuchDispute
            case .unexpectedDisputeStatus: .unexpectedDisputeStatus
            case .disputesExhausted: .disputesExhausted
            case .evidenceTooLarge: .evidenceTooLarge
            case .chargeDisputed: .chargeDisputed
            case .nothingCaptured: .nothingCaptured
            case .alreadySettled: .alreadySettled
            case .settlementMismatch: .settlementMismatch
            case .insufficientBalance: .insufficientBalance
            case .unexpectedPayoutStatus: .unexpectedPayoutStatus
            }
    }
}
