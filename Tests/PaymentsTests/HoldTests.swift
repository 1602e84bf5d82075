import Payments
import Primitives
import Testing

@Suite("A hold")
struct HoldTests {
    private func raised(to total: Int64, by answer: ProcessorAnswer) -> Walk {
        Walk.granted.after(
            .increment(total: total), .answered(.increment(attempt: 0, number: 0), answer))
    }

    @Test("grants what was asked for and is offered, and nothing else")
    func options() {
        let wish = HoldOptions(allowsIncrements: true, overcapturePercent: 30)
        let offer = HoldOptions(
            allowsIncrements: true, allowsMulticapture: true, overcapturePercent: 15)
        #expect(
            wish.granted(by: offer) == HoldOptions(allowsIncrements: true, overcapturePercent: 15))
        #expect(wish.granted(by: .none) == .none)
        #expect(HoldOptions(overcapturePercent: -1).overcapturePercent == 0)
        #expect(HoldOptions(overcapturePercent: 101).overcapturePercent == 100)
        var walk = Walk.authorized
        #expect(walk.run(.increment(total: 2000)) == .failure(.incrementNotGranted))
        #expect(
            walk.run(.capture(amount: 1, isFinal: false)) == .failure(.multicaptureNotGranted))
        #expect(
            walk.run(.capture(amount: 1001))
                == .failure(.captureTooLarge(requested: 1001, capturable: 1000)))
    }

    @Test("lasts as long as the link says, and seven days at most")
    func lifetime() throws {
        #expect(HoldOptions.none.lifetimeSeconds == 604_800)
        #expect(HoldOptions.none.lasting(seconds: 0).lifetimeSeconds == 1)
        #expect(HoldOptions.none.lasting(seconds: .max).lifetimeSeconds == 604_800)
        var walk = Walk()
        walk.offer = Fixture.allOptions.lasting(seconds: 60)
        walk = walk.after(.confirm(method: nil))
        let approvedAt = walk.now
        walk = walk.after(.answered(.authorization(attempt: 0), Fixture.approval))
        let options = try #require(walk.payment.openHold?.options)
        #expect(options == Fixture.allOptions.lasting(seconds: 60))
        #expect(walk.payment.expires == approvedAt.advanced(byMilliseconds: 60_000))
        // Each lifetime has one form, and no other is read.
        #expect(try HoldOptions(encoded: options.encoded) == options)
        #expect(HoldOptions.none.encoded == [0, 0])
        for bytes in [[8, 0, 0], [8, 0, 0x80, 0xF5, 0x24], [16, 0]] as [[UInt8]] {
            #expect(throws: DecodingError.self) { try HoldOptions(encoded: bytes) }
        }
    }

    @Test("grows by an approved increment, which asked for the difference")
    func increment() {
        let walk = raised(to: 1500, by: Fixture.approval)
        #expect(walk.payment.openHold?.authorized == 1500)
        #expect(walk.payment.openHold?.increments.map(\.amount) == [500])
        #expect(walk.payment.amountCapturable == 1500)
        #expect(walk.payment.openHold?.increments[0].trace.link == "east")
    }

    @Test("stays as it is when an increment is declined, lost or not sent")
    func incrementInVain() {
        let declined = raised(to: 1500, by: .declined(Fixture.decline))
        #expect(declined.payment.openHold?.authorized == 1000)
        #expect(declined.payment.effects.isEmpty)
        let request = ProcessorRequest.increment(attempt: 0, number: 0)
        let lost = Walk.granted.after(.increment(total: 1500), .unanswered(request, .timedOut))
        #expect(lost.effectKinds == [.reversal(request)])
        #expect(lost.payment.status == .requiresCapture(attempt: 0))
        let reversed = lost.after(.capture(amount: nil), .effectAcknowledged(number: 0))
        #expect(reversed.payment.attempts[0].hold?.increments[0].state == .reversed(.timedOut))
        #expect(reversed.payment.amountReceived == 1000)
        // A part of an increment is of no use to anybody who asked for a total.
        let partial = raised(to: 1500, by: .approved(code: "P", .pass, amount: 100))
        #expect(partial.effectKinds == [.reversal(request)])
    }

    @Test("is not touched while it is being raised, and not raised without end")
    func bounds() {
        var walk = Walk.granted.after(.increment(total: 1001))
        for command in [
            PaymentCommand.increment(total: 1002), .capture(amount: nil), .cancel(reason: nil),
        ] {
            #expect(walk.run(command) == .failure(.incrementPending))
        }
        walk.now = walk.payment.expires!
        #expect(walk.run(.expire) == .success([]))
        walk = Walk.granted
        for number in 0..<Increment.countMax {
            walk = walk.after(
                .increment(total: 1001), .notSent(.increment(attempt: 0, number: number)))
        }
        #expect(walk.run(.increment(total: 1001)) == .failure(.incrementsExhausted))
        walk = Walk.granted
        for total in [1000, 1] {
            #expect(
                walk.run(.increment(total: Int64(total)))
                    == .failure(.incrementTooSmall(requested: Int64(total), authorized: 1000)))
        }
        #expect(walk.run(.increment(total: 0)) == .failure(.amountNotPositive))
        #expect(
            walk.run(.increment(total: .max))
                == .failure(.amountTooLarge(requested: .max, maximum: 99_999_999)))
    }

    @Test("is captured in parts, up to the granted share above it")
    func multicapture() {
        var walk = Walk.granted.after(
            .capture(amount: 400, isFinal: false), .capture(amount: 500, isFinal: false))
        #expect(walk.payment.status == .requiresCapture(attempt: 0))
        #expect(walk.payment.amountCapturable == 100)
        #expect(
            walk.run(.capture(amount: 601))
                == .failure(.captureTooLarge(requested: 601, capturable: 600)))
        walk = walk.after(.capture(amount: 600))
        #expect(walk.payment.amountReceived == 1500)
        #expect(walk.payment.status == .succeeded(attempt: 0))
        #expect(walk.effectKinds.count == 3)
        walk = Walk.granted
        for _ in 0..<Capture.countMax { walk = walk.after(.capture(amount: 1, isFinal: false)) }
        #expect(walk.run(.capture(amount: 1)) == .failure(.capturesExhausted))
    }

    @Test("is not raised once captures went beyond it, which the issuer would not know")
    func incrementAfterOvercapture() {
        var walk = Walk.granted.after(.capture(amount: 1001, isFinal: false))
        for total in [1001, 1500] {
            #expect(
                walk.run(.increment(total: Int64(total)))
                    == .failure(.incrementAfterOvercapture(captured: 1001, authorized: 1000)))
        }
        // To the last cent is not beyond.
        walk = Walk.granted.after(
            .capture(amount: 1000, isFinal: false), .increment(total: 1200),
            .answered(.increment(attempt: 0, number: 0), Fixture.approval),
            .effectAcknowledged(number: 0))
        #expect(walk.payment.amountCapturable == 200)
        #expect(walk.host.held == 200)
        walk = walk.after(.capture(amount: nil), .effectAcknowledged(number: 1))
        #expect(walk.host.held == 0)
    }

    @Test("is given back whole when it runs out, each increment under its own trace")
    func expiry() {
        var walk = raised(to: 1500, by: Fixture.approval)
        walk.now = walk.payment.expires!.advanced(byMilliseconds: -1)
        #expect(walk.run(.expire) == .success([]))
        walk.now = walk.payment.expires!
        let at = walk.now
        walk = walk.after(.expire)
        #expect(walk.payment.status == .canceled(at: at, reason: .automatic))
        #expect(
            walk.effectKinds == [
                .reversal(.authorization(attempt: 0)),
                .reversal(.increment(attempt: 0, number: 0)),
            ])
        #expect(Set(walk.payment.effects.map(\.trace.stan)).count == 2)
    }

    @Test("of which a part was taken is released, and the payment stays paid")
    func release() {
        for end in [PaymentCommand.cancel(reason: .abandoned), .expire] {
            var walk = Walk.granted.after(.capture(amount: 400, isFinal: false))
            if end == .expire { walk.now = walk.payment.expires! }
            walk = walk.after(end)
            #expect(walk.payment.status == .succeeded(attempt: 0))
            #expect(walk.effectKinds.last == .partialReversal(attempt: 0, captured: 400))
            #expect(walk.payment.amountReceived == 400)
        }
    }

    @Test("of a partial approval is what the issuer gave, if anybody asked for that")
    func partialApproval() {
        let answer = ProcessorAnswer.approved(code: "P", .pass, amount: 600)
        var walk = Walk()
        walk.offer = Fixture.allOptions
        walk = walk.after(.confirm(method: nil), .answered(.authorization(attempt: 0), answer))
        #expect(walk.payment.amountCapturable == 600)
        let unasked = Walk().after(
            .confirm(method: nil), .answered(.authorization(attempt: 0), answer))
        #expect(unasked.attemptStates == [.reversing(.mismatchedAnswer)])
        #expect(unasked.effectKinds == [.reversal(.authorization(attempt: 0))])
    }
}

@Suite("A challenge")
struct ChallengeTests {
    private static let soft = ProcessorAnswer.declined(Decline(responseCode: "1A"))
    private static let asked = Walk(.automatic).after(
        .confirm(method: nil), .answered(.authorization(attempt: 0), soft))

    @Test("follows the issuer's wish, and its proof goes with the next attempt")
    func issuer() {
        guard case .requiresAction(let challenge) = Self.asked.payment.status else {
            Issue.record("\(Self.asked.payment.status)")
            return
        }
        #expect(challenge.attempt == 0)
        #expect(challenge.method == Fixture.visa)
        let done = Self.asked.after(
            .authenticated(challenge: challenge.number, Fixture.authentication))
        #expect(done.payment.status == .processing(attempt: 1))
        #expect(done.payment.attempts[1].presence.authentication == Fixture.authentication)
        // The issuer that asks again gets no second proof.
        let declined = done.after(.answered(.authorization(attempt: 1), Self.soft))
        #expect(
            declined.payment.status == .requiresPaymentMethod(lastFailure: .attempt(1)))
    }

    @Test("is not for those who cannot answer it")
    func absent() {
        for presence in [Presence(isOffSession: true), Presence(declinesOnAction: true)] {
            let walk = Walk(.automatic).after(
                .confirm(method: nil, presence, authenticates: true),
                .answered(.authorization(attempt: 0), Self.soft))
            #expect(walk.payment.status == .requiresPaymentMethod(lastFailure: .attempt(0)))
            #expect(walk.payment.attempts[0].failure?.reason == .authenticationRequired)
        }
    }

    @Test("that failed or ran out asks for another card, and counts no attempt")
    func failed() {
        var walk = Walk().after(.confirm(method: nil, Presence(), authenticates: true))
        guard case .requiresAction(let challenge) = walk.payment.status else { return }
        for number in [0, challenge.number + 1] {
            #expect(
                walk.run(.authenticated(challenge: number, nil)) == .failure(.noSuchChallenge))
        }
        let failed = walk.after(.authenticated(challenge: challenge.number, nil))
        #expect(
            failed.payment.status
                == .requiresPaymentMethod(lastFailure: .authentication(Fixture.visa)))
        #expect(failed.payment.attempts.isEmpty)
        walk.now = challenge.expires
        #expect(
            walk.run(.authenticated(challenge: challenge.number, Fixture.authentication))
                == .failure(.noSuchChallenge))
        #expect(walk.after(.expire).payment.status == failed.payment.status)
    }
}
