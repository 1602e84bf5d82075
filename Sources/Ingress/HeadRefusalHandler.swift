import HTTPTypes
import NIOCore

/// Answers a connection whose first bytes are no request that the server library reads: a method
/// that it does not know, a head that is malformed or too long. The library itself would answer
/// with a status and nothing else.
///
/// It sits where the library's decoder hands over, and acts on errors only. It does so only while
/// nothing was read from the connection: later, an answer to an earlier request may be under way,
/// which the parts that pass here do not tell, and a second answer must not come before it. Then
/// the library answers as it does.
final class HeadRefusalHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private enum State {
        case fresh
        case used
        case refused
    }

    private let onRefusal: @Sendable (RequestRefusal) -> Void
    private var state = State.fresh

    init(onRefusal: @escaping @Sendable (RequestRefusal) -> Void) {
        self.onRefusal = onRefusal
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .fresh, .used:
            state = .used
            context.fireChannelRead(data)
        case .refused:
            // What is left of a request that has its answer.
            break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .used:
            context.fireErrorCaught(error)
        case .refused:
            break
        case .fresh:
            guard context.channel.isActive, let refusal = RequestRefusal(parserError: error) else {
                return context.fireErrorCaught(error)
            }
            state = .refused
            onRefusal(refusal)
            // Whole, in front of the encoder: that takes parts of the library's own types.
            let answer = WholeAnswer(ByteBuffer(string: refusal.message))
            try? context.pipeline.syncOperations.addHandler(answer, position: .first)
            RequestRefusal.closeSoon(context.channel)
        }
    }
}

/// Writes bytes past all other handlers as soon as it is added, and ends our side.
private final class WholeAnswer: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let bytes: ByteBuffer

    init(_ bytes: ByteBuffer) {
        self.bytes = bytes
    }

    func handlerAdded(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        context.close(mode: .output, promise: nil)
    }
}

extension RequestRefusal {
    /// What is wrong with a head that the library's parser gave up on; nil for what is no fault of
    /// the request. The library's errors are told apart by their words: their type is in a part of
    /// it that is not ours to import.
    init?(parserError error: any Error) {
        guard String(reflecting: type(of: error)).hasPrefix("NIOHTTP") else { return nil }
        switch String(describing: error) {
        case "stream ended at an unexpected time": return nil
        case "invalid HTTP method": self = .methodUnknown
        case "too many header bytes seen; overflow detected": self = .headTooLong
        default: self = .headMalformed
        }
    }

    /// The answer as it goes over the wire.
    fileprivate var message: String {
        """
        HTTP/1.1 \(status.code) \(status.reasonPhrase)\r
        Content-Type: application/json\r
        Content-Length: \(body.utf8.count)\r
        Connection: close\r
        \r
        \(body)
        """
    }
}
