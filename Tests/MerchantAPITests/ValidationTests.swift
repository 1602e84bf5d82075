import Gateway
import MerchantAPI
import Payments
import Primitives
import Testing

/// Every way in which a new payment's parameters can be wrong.
struct ValidationTests {
    /// Bodies and the beginnings of the answers. A body that starts with `&` comes behind an amount
    /// and a currency.
    private static let refusals: [(body: String, answer: String)] = [
        ("currency=usd", "400 parameter_missing amount Missing required param: amount."),
        ("amount=100", "400 parameter_missing currency Missing required param: currency."),
        ("amount=1.5&currency=usd", "400 parameter_invalid_integer amount Invalid integer: 1.5"),
        ("amount=+5&currency=usd", "400 parameter_invalid_integer amount Invalid integer:  5"),
        ("amount=%2B5&currency=usd", "400 parameter_invalid_integer amount Invalid integer: +5"),
        ("amount=99999999999999999999&currency=usd", "400 parameter_invalid_integer amount Inval"),
        ("amount=0&currency=usd", "400 parameter_invalid_integer amount This value must be"),
        ("amount=-5&currency=usd", "400 parameter_invalid_integer amount This value must be"),
        ("amount=&currency=usd", "400 parameter_invalid_empty amount You passed an empty"),
        ("amount[x]=1&currency=usd", "400 - amount Invalid value for amount"),
        (
            "amount=49&currency=usd",
            "400 amount_too_small amount Amount must be at least $0.50 usd"
        ),
        ("amount=49&currency=jpy", "400 amount_too_small amount Amount must be at least ¥50 jpy"),
        (
            "amount=299&currency=sek",
            "400 amount_too_small amount Amount must be at least 3.00 sek"
        ),
        ("amount=100000000&currency=usd", "400 amount_too_large amount Amount must be no more t"),
        ("amount=1000&currency=xyz", "400 - currency Invalid currency: xyz"),
        ("amount=1000&currency=%0d%0a", "400 - currency Invalid currency: ??"),
        ("&capture_method=later", "400 - capture_method Invalid capture_method: must be one of "),
        ("&confirmation_method=manual", "400 - confirmation_method Invalid confirmation_method:"),
        ("&confirm=yes", "400 - confirm Invalid boolean: yes"),
        ("&confirm=true", "400 payment_intent_unexpected_state payment_method You cannot confir"),
        ("&receipt_email=ada", "400 email_invalid receipt_email Invalid email"),
        ("&receipt_email=a@@b", "400 email_invalid receipt_email Invalid email"),
        (
            "&statement_descriptor=ABCDEFGHIJKLMNOPQRSTUVW",
            "400 - statement_descriptor Invalid strin"
        ),
        ("&statement_descriptor=A<B", "400 invalid_characters statement_descriptor The statemen"),
        ("&statement_descriptor_suffix=123", "400 invalid_characters statement_descriptor_suffi"),
        ("&metadata=x", "400 - metadata Invalid object"),
        ("&metadata[a][b]=x", "400 - metadata Invalid value for metadata"),
        ("&foo=1", "400 parameter_unknown foo Received unknown parameter: foo"),
        (
            "&payment_method_data[type]=card&payment_method_data[card][foo]=1",
            "400 parameter_missing payment_method_dat"
        ),
        ("&customer=cus_1", "400 parameter_unknown customer Received a parameter that is not su"),
        ("&transfer_data[destination]=acct_1", "400 parameter_unknown transfer_data Received a "),
        (
            "&payment_method_options[card][capture_method]=manual",
            "400 parameter_unknown payment_method_opt"
        ),
        ("&payment_method_types[]=sepa_debit", "400 - payment_method_types This gateway takes c"),
        ("&payment_method_types[x]=card", "400 - payment_method_types Invalid array"),
        (
            "&payment_method_types[0]=card&automatic_payment_methods[enabled]=true",
            "400 - automatic_payment_methods You may "
        ),
        (
            "&automatic_payment_methods[allow_redirects]=never",
            "400 parameter_missing automatic_payment_"
        ),
        (
            "&automatic_payment_methods[enabled]=true&confirm=true&payment_method=pm_card_visa",
            "400 - return_url This PaymentIntent is c"
        ),
        (
            "&confirm=true&payment_method=pm_card_visa&return_url=nowhere",
            "400 url_invalid return_url Not a valid U"
        ),
        ("&off_session=true", "400 - off_session The parameter off_session can only be used wit"),
        ("&payment_method=tok_visa", "400 resource_missing payment_method No such PaymentMethod"),
        (
            "&payment_method=pm_card_visa&payment_method_data[type]=card",
            "400 - payment_method_data You may only s"
        ),
        ("&expand[]=customer.sources", "400 - expand This property cannot be expanded (customer"),
        ("&expand[]=charges", "400 - expand This property cannot be expanded (charges)."),
        (
            "&expand[]=latest_charge.payment_intent.latest_charge.refunds.data",
            "400 - expand You cannot expand more than"
        ),
        ("&expand=latest_charge", "400 - expand Invalid object"),
    ]

    @Test("a new payment's parameters are refused in the API's words", arguments: refusals)
    func refusedPayments(_ body: String, _ expected: String) async {
        let world = TestWorld()
        let prefix = body.hasPrefix("&") ? "amount=1000&currency=usd" : ""
        let response = await world.post("/v1/payment_intents", prefix + body)
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
        #expect(response.member("type") == "invalid_request_error")
        #expect(world.gateway.requests.isEmpty)
    }

    @Test("texts and metadata have their bounds")
    func textBounds() async {
        func line(_ part: String) async -> String {
            await TestWorld().post("/v1/payment_intents", "amount=1000&currency=usd&\(part)")
                .errorLine
        }
        func many(_ letter: String, _ count: Int) -> String {
            String(repeating: letter, count: count)
        }
        let keys = (0...50).map { "metadata[k\($0)]=1" }.joined(separator: "&")
        let atMost = "400 - description Invalid string: description must be at most 1000 characters"
        #expect(await line("description=" + many("x", 1001)) == atMost)
        #expect(
            await line("metadata[" + many("k", 41) + "]=1")
                .hasPrefix("400 - metadata Metadata keys can have up to 40 characters"))
        #expect(
            await line("metadata[k]=" + many("v", 501))
                .hasPrefix("400 - metadata[k] Metadata values can have up to 500 characters"))
        #expect(
            await line(keys).hasPrefix("400 - metadata You can only have up to 50 metadata keys"))
        let world = TestWorld()
        world.gateway.reply(.outcome(.payment(Samples.created()), replayOf: nil))
        let full = (0..<50).map { "metadata[k\($0)]=\(many("v", 500))" }.joined(separator: "&")
        let response = await world.post(
            "/v1/payment_intents",
            "amount=1000&currency=usd&description=\(many("x", 1000))&\(full)")
        #expect(response.status == 200)
    }

    @Test("what is allowed reaches the shard as it was meant")
    func acceptedPayment() async throws {
        let world = TestWorld()
        world.gateway.reply(.outcome(.payment(Samples.created()), replayOf: nil))
        let response = await world.post(
            "/v1/payment_intents",
            "amount=1099&currency=EUR&capture_method=manual&confirm=true&confirmation_method="
                + "automatic&description=Two+books&metadata[b]=2&metadata[a]=1&metadata[c]="
                + "&receipt_email=&statement_descriptor=BOOKS&payment_method_types[0]=card"
                + "&payment_method_data[type]=card&payment_method_data[card][number]="
                + "4242+4242+4242+4242&payment_method_data[card][exp_month]=8"
                + "&payment_method_data[card][exp_year]=30&payment_method_data[card][cvc]=123"
                + "&payment_method_data[billing_details][name]=Ada"
                + "&payment_method_data[billing_details][address][country]=gb"
                + "&off_session=true&use_stripe_sdk=false&return_url=https://example.com/back"
                + "&expand[]=latest_charge.balance_transaction&expand[]=payment_method")
        #expect(response.status == 200, "\(response.text)")
        let request = try #require(world.gateway.requests.first)
        guard case .createPayment(let new) = request.command else {
            Issue.record("not a new payment")
            return
        }
        #expect(new.confirm)
        #expect(
            new.terms
                == PaymentTerms(
                    amount: Money(minorUnits: 1099, currency: try #require(Currency(code: "eur"))),
                    capture: .manual, description: "Two books", receiptEmail: nil,
                    statementDescriptor: "BOOKS", statementDescriptorSuffix: nil,
                    metadata: [
                        MetadataEntry(key: "a", value: "1"), MetadataEntry(key: "b", value: "2"),
                    ]))
        guard case .new(let method) = new.method else {
            Issue.record("not a new card")
            return
        }
        #expect(method.card.brand == .visa && method.card.lastFour == "4242")
        #expect(method.card.expiry == CardExpiry(month: 8, year: 2030))
        #expect(method.card.funding == .credit && method.card.hasVerificationCode)
        #expect(method.verificationCode?.read { Array($0) } == Array("123".utf8))
        #expect(method.billing.name == "Ada" && method.billing.country == "GB")
        #expect(method.sealedCard == [1, 1, 2, 3])
        #expect(method.id.stem.slot == Samples.merchant.stem.slot)
        #expect(request.claim.isMinted)
        #expect(request.requestID == response.header("Request-Id"))
        #expect(request.deadline.nanoseconds == 25_000_000_000)
    }

    @Test(
        "the other commands are read and held to their parameters",
        arguments: [
            ("/v1/payment_intents/pi_1/cancel", "", "404 resource_missing intent No such"),
            (
                "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/cancel", "cancellation_reason=bored",
                "400 - cancellation_reason Invalid cancellation_reason: must be one of"
            ),
            (
                "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/capture", "final_capture=maybe",
                "400 - final_capture Invalid boolean"
            ),
            (
                "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/capture", "amount_to_capture=0",
                "400 parameter_invalid_integer amount_to_capture This value must be"
            ),
            (
                "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/capture", "application_fee_amount=5",
                "400 parameter_unknown application_fee_amount Received a parameter that is not"
            ),
            (
                "/v1/payment_intents/pi_0a0BBBBBBBBBBBBBB/confirm", "client_secret=x",
                "400 parameter_unknown client_secret Received a parameter that is not"
            ),
            (
                "/v1/refunds", "amount=1",
                "400 parameter_missing - One of the following params should be provided"
            ),
            ("/v1/refunds", "charge=ch_x", "404 resource_missing charge No such charge: 'ch_x'"),
            (
                "/v1/refunds", "payment_intent=pi_x",
                "404 resource_missing payment_intent No such payment_intent: 'pi_x'"
            ),
            (
                "/v1/refunds",
                "payment_intent=pi_0a0BBBBBBBBBBBBBB&charge=ch_0a0CCCCCCCCCCCCCC0",
                "400 - charge The charge does not belong"
            ),
            (
                "/v1/refunds", "payment_intent=pi_0a0BBBBBBBBBBBBBB&reason=bored",
                "400 - reason Invalid reason: must be one of"
            ),
            (
                "/v1/refunds", "payment_intent=pi_0a0BBBBBBBBBBBBBB&reverse_transfer=true",
                "400 parameter_unknown reverse_transfer Received a parameter that is not"
            ),
            (
                "/v1/payment_methods", "type=sepa_debit",
                "400 - type Invalid type: this gateway takes cards only"
            ),
            ("/v1/payment_methods", "", "400 parameter_missing type Missing required param: type."),
            ("/v1/payment_methods", "type=card", "400 parameter_missing card Missing required"),
        ])
    func refusedCommands(_ path: String, _ body: String, _ expected: String) async {
        let world = TestWorld()
        let response = await world.post(path, body)
        #expect(response.errorLine.hasPrefix(expected), "\(response.errorLine)")
        #expect(world.gateway.requests.isEmpty)
    }

    @Test("bodies that are no forms, and parameters in the wrong place, are refused")
    func wrongEncodings() async {
        let world = TestWorld()
        let json = await world.post(
            "/v1/payment_intents", "{\"amount\":1}", headers: [("content-type", "application/json")]
        )
        #expect(json.status == 400)
        #expect(json.member("message")?.contains("JSON is not accepted") == true)
        let inURL = await world.send("POST", "/v1/payment_intents", query: "amount=1")
        #expect(inURL.errorLine.hasPrefix("400 - - The parameters of a POST request belong into"))
        let inBody = await world.send("GET", "/v1/payment_intents", body: "limit=1")
        #expect(inBody.status == 400)
        let form = await world.post(
            "/v1/payment_intents", "currency=usd",
            headers: [("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")])
        #expect(form.member("param") == "amount")
    }

    @Test(
        "addresses that the API does not have are 404",
        arguments: [
            ("GET", "/v1/x"), ("GET", "/"), ("DELETE", "/v1/payment_intents/pi_1"),
            ("POST", "/v1/payment_intents/pi_1"), ("GET", "/v1/payment_intents//"),
            ("PUT", "/v1/refunds"), ("GET", "/v1/payment_intents/pi_1/confirm"),
            ("GET", "/v1/payment_methods"),
        ])
    func unrecognized(_ method: String, _ path: String) async {
        let response = await TestWorld().send(method, path)
        #expect(
            response.errorLine.hasPrefix(
                "404 - - Unrecognized request URL (\(method): \(path))")
                || response.errorLine.hasPrefix("404 resource_missing"),
            "\(response.errorLine)")
    }
}
