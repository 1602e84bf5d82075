import Gateway
import Payments
import Primitives

/// What identifies a request under an idempotency key.
///
/// Made of what the caller meant and not of how it was sent or what was made of it: a retry has the
/// same fingerprint although its card is sealed again under another id, its parameters come in
/// another order, and its percent signs stand elsewhere.
enum RequestFingerprint {
    /// Which request it was and who sent it.
    struct Subject {
        let caller: Caller
        let method: String
        /// Decoded.
        let segments: [String]
    }

    /// - Parameter cardFingerprint: stands in for the card's number, which must not be told from a
    ///   digest; nil for a request without a number.
    static func claim(
        key: String, _ subject: Subject, _ parameters: Parameters, cardFingerprint: String?,
        keyedDigest: ([UInt8]) -> [UInt8]
    ) -> IdempotencyClaim {
        // The first text keeps digests of one use from being taken for those of another.
        var keyMessage = ByteWriter()
        keyMessage.write("sunny idempotency key 1")
        keyMessage.write(subject.caller.merchant)
        keyMessage.write(subject.caller.isLive)
        keyMessage.write(key)

        var message = ByteWriter()
        message.write("sunny request fingerprint 1")
        message.write(subject.caller.merchant)
        message.write(subject.caller.isLive)
        message.write(subject.method)
        message.writeArray(subject.segments) { $0.write($1) }
        for entry in parameters.entries
        where !CardDraft.verificationCodeNames.contains(entry.name) {
            let isNumber = CardDraft.numberNames.contains(entry.name)
            message.writeArray(entry.path) { $0.write($1) }
            message.write(isNumber ? cardFingerprint ?? "" : entry.value)
        }
        return IdempotencyClaim(
            keyDigest: Array(keyedDigest(keyMessage.bytes).prefix(16)),
            fingerprint: keyedDigest(message.bytes))
    }
}
