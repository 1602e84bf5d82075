package import PeerWire
import Primitives

// What a node and the signer say, one frame each, after which the signer closes:
//
//     node ── request: PKCS#10 in DER, at most 2 KiB ──▶ signer
//     node ◀── certificate: PEM, at most 8 KiB ───────── signer
//          ◀── refusal: one byte ───────────────────────
//
// Whom the certificate is for is not said: it is for whom the channel was verified.

extension PeerFrameHeader.Kind {
    // Apart from the kinds of links between nodes, so that one is never taken for the other.
    package static let certificateRequest = Self(rawValue: 0x60)
    package static let certificate = Self(rawValue: 0x61)
    package static let certificateRefusal = Self(rawValue: 0x62)
}

enum SignerWire {
    /// A certificate of ours has under 1 KiB in PEM.
    static let certificateByteCountMax = 8192

    static func frame(_ kind: PeerFrameHeader.Kind, _ payload: [UInt8]) -> [UInt8] {
        // Far below the largest frame.
        guard
            let frame = try? PeerFrame(
                header: PeerFrameHeader(kind: kind), payload: payload[...]
            ).encoded()
        else { preconditionFailure("a frame of the signer's is too long") }
        return frame
    }
}

/// Takes one frame of at most so many bytes out of a stream; what follows does not count.
struct OneFrame {
    private let byteCountMax: Int
    private var decoder = PeerFrameDecoder()

    init(payloadByteCountMax: Int) {
        byteCountMax = PeerFrame.headerByteCount + payloadByteCountMax
    }

    enum Trouble: Error {
        case notAFrame
        case tooLong
    }

    /// The frame, once it is whole.
    mutating func feed(_ bytes: [UInt8]) throws(Trouble) -> PeerFrame? {
        guard decoder.pendingByteCount + bytes.count <= byteCountMax else { throw .tooLong }
        decoder.feed(bytes)
        do {
            return try decoder.next()
        } catch {
            throw .notAFrame
        }
    }
}
