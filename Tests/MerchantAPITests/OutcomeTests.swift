import Gateway
import MerchantAPI
import Payments
import Primitives
import Testing

/// What commands and questions come to, in the API's words.
struct OutcomeTests {
    private static let path = "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB"

    private func answer(
        _ outcome: Outcome, _ path: String, _ body: String = ""
    ) async -> APIResponse {
        let world = TestWorld()
        world.gateway.reply(.outcome(outcome, replayOf: nil))
        return await world.post(path, body)
    }

    @Test("a decline is a card error with the payment inside")
    func declined() async {
        let response = await answer(
            .declined(Samples.declined, attempt: 0), Self.path + "/confirm")
        #expect(response.status == 402)
        #expect(response.member("charge") == "ch_0a0BBBBBBBBBBBBBB0")
        #expect(response.member("code") == "card_declined")
        #expect(response.member("decline_code") == "insufficient_funds")
        #expect(response.member("message") == "Your card has insufficient funds.")
        #expect(response.member("doc_url") == "https://stripe.com/docs/error-codes/card-declined")
        #expect(response.text.contains("\"status\": \"requires_payment_method\""))
        #expect(response.text.hasSuffix("\"type\": \"card_error\"\n  }\n}\n"))
    }

    @Test(
        "a refusal says what stands in the way",
        arguments: [
            (
                Refusal.unexpectedStatus(operation: .confirm, status: .succeeded), "/confirm",
                "400 payment_intent_unexpected_state - You cannot confirm "
                    + "this PaymentIntent because "
                    + "it has already succeeded after being previously confirmed."
            ),
            (
                .unexpectedStatus(operation: .confirm, status: .canceled), "/confirm",
                "400 payment_intent_unexpected_state - You cannot confirm "
                    + "this PaymentIntent because "
                    + "it has a status of canceled. Only"
            ),
            (
                .unexpectedStatus(operation: .capture, status: .succeeded), "/capture",
                "400 payment_intent_unexpected_state - This PaymentIntent could not be captured "
                    + "because it has already been captured."
            ),
            (
                .unexpectedStatus(operation: .capture, status: .processing), "/capture",
                "400 payment_intent_unexpected_state - This PaymentIntent could not be captured "
                    + "because it has a status of processing. Only a PaymentIntent with one of the "
                    + "following statuses may be captured: requires_capture."
            ),
            (
                .unexpectedStatus(operation: .cancel, status: .succeeded), "/cancel",
                "400 payment_intent_unexpected_state - You cannot cancel "
                    + "this PaymentIntent because "
                    + "it has a status of succeeded. Only"
            ),
            (
                .methodMissing, "/confirm",
                "400 payment_intent_unexpected_state - You cannot confirm "
                    + "this PaymentIntent because "
                    + "it's missing a payment method."
            ),
            (
                .attemptsExhausted, "/confirm",
                "400 payment_intent_unexpected_state - You cannot confirm "
                    + "this PaymentIntent because "
                    + "it was confirmed 62 times"
            ),
            (
                .captureTooLarge(requested: 250_000, capturable: 1000), "/capture",
                "400 amount_too_large amount_to_capture The requested "
                    + "capture amount ($2,500.00) is "
                    + "greater than the amount you can capture for this charge ($10.00)"
            ),
            (
                .amountNotPositive, "/capture",
                "400 parameter_invalid_integer amount_to_capture This value must be"
            ),
            (
                .noSuchPayment(Samples.paymentID), "/cancel",
                "404 resource_missing intent No such payment_intent: 'pi_0a0BBBBBBBBBBBBBB'"
            ),
            (
                .noSuchPaymentMethod(Samples.methodID), "/confirm",
                "400 resource_missing payment_method No such PaymentMethod: 'pm_0a0CCCCCCCCCCCCCC'"
            ),
            (.noLinkAvailable, "/confirm", "503 - - No acquirer can take this payment"),
        ] as [(Refusal, String, String)])
    func refused(_ refusal: Refusal, _ action: String, _ expected: String) async {
        let response = await answer(.refused(refusal, Samples.succeeded), Self.path + action)
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
        if expected.contains("unexpected_state") {
            #expect(response.text.contains("\"payment_intent\": {"))
        }
    }

    @Test(
        "what a hold was not granted, or has no more of, is said by name",
        arguments: [
            (
                .unexpectedStatus(operation: .increment, status: .canceled),
                "400 payment_intent_unexpected_state - The authorization of this PaymentIntent "
                    + "could not be incremented because it has a status of canceled."
            ),
            (
                .incrementNotGranted,
                "400 payment_intent_unexpected_state - Incremental authorization is not available"
            ),
            (
                .incrementTooSmall(requested: 900, authorized: 1000),
                "400 amount_too_small amount The amount ($9.00) must be greater than the amount "
                    + "that is authorized already ($10.00)."
            ),
            (
                .incrementsExhausted,
                "400 payment_intent_unexpected_state - The authorization of this PaymentIntent "
                    + "was incremented 10 times"
            ),
            (.incrementPending, "429 lock_timeout - This object cannot be accessed"),
            (
                .incrementAfterOvercapture(captured: 1100, authorized: 1000),
                "400 payment_intent_unexpected_state - The authorization of this PaymentIntent "
                    + "cannot be incremented because more than its amount was captured."
            ),
            (
                .amountTooLarge(requested: 100_000_000, maximum: 99_999_999),
                "400 amount_too_large amount Amount must be no more than $999,999.99"
            ),
            (
                .multicaptureNotGranted,
                "400 - final_capture Multiple captures are not available"
            ),
            (
                .capturesExhausted,
                "400 payment_intent_unexpected_state - This PaymentIntent was captured 50 times"
            ),
        ] as [(Refusal, String)])
    func holdRefusals(_ refusal: Refusal, _ expected: String) async {
        let response = await answer(
            .refused(refusal, Samples.authorized), Self.path + "/increment_authorization",
            "amount=1500")
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
    }

    @Test("a raise that was declined is a card error, and the payment is as it was")
    func declinedIncrement() async {
        let increment = ProcessorRequest.increment(attempt: 0, number: 0)
        let payment = Samples.after(
            Samples.flexible,
            [
                .increment(total: 1500),
                .answered(increment, .declined(Decline(responseCode: "51"))),
            ])
        let response = await answer(
            .incrementDeclined(payment, attempt: 0, number: 0),
            Self.path + "/increment_authorization", "amount=1500")
        #expect(response.errorLine.hasPrefix("402 card_declined"), "\(response.errorLine)")
        #expect(response.text.contains("\"decline_code\": \"insufficient_funds\""))
        #expect(response.text.contains("\"amount_capturable\": 1000"))
        #expect(response.text.contains("\"last_payment_error\": null"))
    }

    @Test("several captures and a raise show in the payment and its charge")
    func parts() async {
        let increment = ProcessorRequest.increment(attempt: 0, number: 0)
        let payment = Samples.after(
            Samples.flexible,
            [
                .capture(amount: 300, isFinal: false), .effectAcknowledged(number: 0),
                .increment(total: 1500), .answered(increment, .approved(code: "B2", .absent)),
                .capture(amount: 200, isFinal: false),
            ])
        let response = await answer(
            .payment(payment), Self.path + "/capture",
            "final_capture=false&expand[]=latest_charge.balance_transaction")
        #expect(response.topMember("status") == "requires_capture")
        #expect(response.topMember("amount") == "1500")
        #expect(response.topMember("amount_received") == "500")
        #expect(response.topMember("amount_capturable") == "1000")
        for line in [
            "\"amount_authorized\": 1500", "\"amount_captured\": 500", "\"captured\": false",
            "\"id\": \"txn_0a0BBBBBBBBBBBBBB0\"", "\"fee\": 39",
            "\"maximum_amount_capturable\": 1725", "\"capture_before\": 1796040002",
            "\"request_multicapture\": \"if_available\"",
        ] {
            #expect(response.text.contains(line), "\(line) in \(response.text)")
        }
        // Once the second capture is acknowledged, its entry is the charge's.
        let settled = await answer(
            .payment(Samples.after(payment, [.effectAcknowledged(number: 1)])),
            Self.path + "/capture",
            "final_capture=false&expand[]=latest_charge.balance_transaction")
        for line in ["\"id\": \"txn_0a0BBBBBBBBBBBBBB1\"", "\"fee\": 36"] {
            #expect(settled.text.contains(line), "\(line) in \(settled.text)")
        }
    }

    @Test(
        "a refund is refused with the amounts and the charge",
        arguments: [
            (
                Refusal.refundTooLarge(requested: 2500, remaining: 1000), "charge",
                "400 amount_too_large amount Refund amount ($25.00) is greater than unrefunded "
                    + "amount on charge ($10.00)"
            ),
            (
                .alreadyRefunded, "charge",
                "400 charge_already_refunded - Charge ch_0a0BBBBBBBBBBBBBB0 has already been "
                    + "refunded."
            ),
            (
                .insufficientBalance(requested: 2500, available: 1000), "charge",
                "400 balance_insufficient - Insufficient funds in your balance for a refund of "
                    + "$25.00: $10.00 can be refunded now. Refund less, or try again with a new "
                    + "idempotency key"
            ),
            (.refundsExhausted, "charge", "400 - - This charge already has 62 refunds"),
            (
                .unexpectedStatus(operation: .refund, status: .requiresCapture), "payment_intent",
                "400 payment_intent_unexpected_state - This PaymentIntent does not have a "
                    + "successful charge to refund"
            ),
            (
                .noSuchPayment(Samples.paymentID), "charge",
                "404 resource_missing charge No such charge: 'ch_0a0BBBBBBBBBBBBBB0'"
            ),
            (
                .noSuchPayment(Samples.paymentID), "payment_intent",
                "404 resource_missing payment_intent No such payment_intent: 'pi_0a0BBBBBBBBBBBBBB'"
            ),
            (
                .noSuchPart(PartID(payment: Samples.paymentID, number: 7)), "charge",
                "404 resource_missing charge No such charge: 'ch_0a0BBBBBBBBBBBBBB7'"
            ),
        ] as [(Refusal, String, String)])
    func refusedRefund(_ refusal: Refusal, _ named: String, _ expected: String) async {
        let id = named == "charge" ? "ch_0a0BBBBBBBBBBBBBB0" : "pi_0a0BBBBBBBBBBBBBB"
        let response = await answer(
            .refused(refusal, Samples.succeeded), "/v1/refunds", "\(named)=\(id)")
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
    }

    @Test("a refund goes to the payment of its charge with its parameters")
    func refundCommand() async {
        let world = TestWorld()
        world.gateway.reply(.outcome(.refund(Samples.refunded, number: 0), replayOf: nil))
        let response = await world.post(
            "/v1/refunds",
            "charge=ch_0a0BBBBBBBBBBBBBB0&amount=400&reason=requested_by_customer&metadata[a]=b")
        #expect(response.member("id") == "re_0a0BBBBBBBBBBBBBB0")
        guard
            case .createRefund(
                Samples.paymentID, charge: 0, amount: 400, .requestedByCustomer, let notes) = world
                .gateway.requests.first?.command
        else {
            Issue.record("not that refund")
            return
        }
        #expect(notes == [MetadataEntry(key: "a", value: "b")])
    }

    @Test("captures and cancellations go out as they were asked for")
    func otherCommands() async {
        let world = TestWorld()
        world.gateway.reply(.outcome(.payment(Samples.succeeded), replayOf: nil))
        _ = await world.post(Self.path + "/capture", "amount_to_capture=300&final_capture=true")
        _ = await world.post(Self.path + "/cancel", "cancellation_reason=abandoned")
        _ = await world.post(Self.path + "/capture", "final_capture=false")
        _ = await world.post(Self.path + "/increment_authorization", "amount=1500")
        _ = await world.post("/v1/refunds/re_0a0BBBBBBBBBBBBBB1/cancel", "")
        let commands = world.gateway.requests.map(\.command)
        guard commands.count == 5,
            case .capturePayment(Samples.paymentID, amount: 300, isFinal: true) = commands[0],
            case .cancelPayment(Samples.paymentID, reason: .abandoned) = commands[1],
            case .capturePayment(Samples.paymentID, amount: nil, isFinal: false) = commands[2],
            case .incrementPayment(Samples.paymentID, total: 1500) = commands[3],
            case .cancelRefund(Samples.paymentID, number: 1) = commands[4]
        else {
            Issue.record("not those commands")
            return
        }
    }

    @Test("a refund tells what became of it")
    func refundStates() async {
        func line(_ commands: [PaymentCommand]) async -> String {
            let refund = PaymentCommand.refund(amount: 400, reason: nil, metadata: [])
            let payment = Samples.after(Samples.succeeded, [refund] + commands)
            let response = await answer(
                .refund(payment, number: 0), "/v1/refunds", "charge=ch_0a0BBBBBBBBBBBBBB0")
            return ["status", "pending_reason", "failure_reason", "balance_transaction"]
                .map { response.topMember($0) ?? "-" }.joined(separator: " ")
        }
        #expect(await line([]) == "pending processing - null")
        #expect(
            await line([.effectAcknowledged(number: 0)])
                == "succeeded - - txn_0a0BBBBBBBBBBBBBB1")
        #expect(
            await line([.effectRefused(number: 0, responseCode: "12")]) == "failed - unknown null")
    }

    @Test("a canceled payment says when and why")
    func canceled() async {
        let payment = Samples.after(Samples.authorized, [.cancel(reason: .requestedByCustomer)])
        let response = await answer(.payment(payment), Self.path + "/cancel")
        #expect(response.topMember("status") == "canceled")
        #expect(response.topMember("canceled_at") == "1795435201")
        #expect(response.topMember("cancellation_reason") == "requested_by_customer")
        #expect(response.topMember("amount_capturable") == "0")
    }

    @Test("answers are counted by route and class")
    func counters() async {
        let world = TestWorld()
        world.gateway.reply(.payment(Samples.succeeded))
        _ = await world.get("/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB")
        _ = await world.get("/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB")
        _ = await world.get("/v1/payment_intents/pi_x")
        _ = await world.get("/v1/nothing/4")
        _ = await world.post("/v1/refunds", "", key: nil)
        #expect(
            await world.service.requestCounts.map { "\($0.route) \($0.statusClass) \($0.count)" }
                == [
                    "GET /v1/payment_intents/:id 2 2", "GET /v1/payment_intents/:id 4 1",
                    "POST /v1/refunds 4 1", "unrecognized 4 1",
                ])
    }
}
