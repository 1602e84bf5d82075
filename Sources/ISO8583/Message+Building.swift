extension Message {
    /// The same message said again: 0420 becomes 0421, 0220 becomes 0221, the data elements stay.
    /// Nil for what is itself an answer.
    public func repeated() -> Message? {
        guard let type = type.repeated else { return nil }
        var message = self
        message.type = type
        return message
    }

    /// The answer to `self`: the elements that a response echoes, and the response code. Nil when
    /// nothing answers a message of this type.
    ///
    /// - Parameters:
    ///   - echoing: Which elements are copied when they are there. Sensitive ones (see
    ///     `FieldNumber.isSensitive`) are left out even when they are named, for the requester has
    ///     them.
    ///   - pairing: Which type answers which.
    public func response(
        _ code: ResponseCode, echoing: [FieldNumber] = Message.echoedFields,
        pairing: ResponsePairing = .standard
    ) -> Message? {
        guard let type = pairing.response(to: type) else { return nil }
        var response = Message(type)
        for number in echoing where !number.isSensitive {
            if let value = self[number] { response.set(number, value) }
        }
        response.responseCode = code
        return response
    }

    /// What a response echoes unless the link says otherwise: what identifies the exchange, the
    /// amount and its currency, and what a reversal is about.
    public static let echoedFields: [FieldNumber] = [
        .processingCode, .amount, .transmissionTime, .systemTraceAuditNumber, .localTime,
        .localDate, .conditionCode, .acquiringInstitution, .forwardingInstitution,
        .retrievalReferenceNumber, .terminal, .merchant, .currency, .networkManagementCode,
        .originalDataElements, .replacementAmounts,
    ]

    /// The 0420 that takes back what `self` asked for: its elements, the names of its own message,
    /// and in DE 90 those of `self`. Nil when `self` is an answer or a reversal, or has no trace
    /// number.
    ///
    /// - Parameters:
    ///   - remaining: What is left of the original when not all of it is taken back.
    ///   - copying: Which elements are copied when they are there. Sensitive ones are left out,
    ///     for the host has them.
    public func reversal(
        trace: TraceNumber, at time: TransmissionTime, remaining: ReplacementAmounts? = nil,
        copying: [FieldNumber] = Message.reversedFields
    ) -> Message? {
        guard type.expectsResponse, type.messageClass != .reversal,
            let original = OriginalDataElements(of: self)
        else { return nil }
        var reversal = Message(.reversalAdvice)
        for number in copying where !number.isSensitive {
            if let value = self[number] { reversal.set(number, value) }
        }
        reversal.trace = trace
        reversal.transmissionTime = time
        reversal.originalDataElements = original
        reversal.replacementAmounts = remaining
        return reversal
    }

    /// What a reversal repeats of its original unless the link says otherwise: what was asked for,
    /// where, and the reference that lives as long as the transaction.
    public static let reversedFields: [FieldNumber] = [
        .processingCode, .amount, .localTime, .localDate, .merchantType, .entryMode,
        .conditionCode, .acquiringInstitution, .forwardingInstitution, .retrievalReferenceNumber,
        .terminal, .merchant, .currency,
    ]

    /// An 0800: signs the link on or off, or asks whether the host is there.
    public static func networkManagement(
        _ code: NetworkManagementCode, trace: TraceNumber, at time: TransmissionTime
    ) -> Message {
        var message = Message(.networkManagementRequest)
        message.transmissionTime = time
        message.trace = trace
        message.networkManagementCode = code
        return message
    }
}
