"""An acquirer that shares no code with the gateway: sockets, and pyiso8583 for the messages."""

import itertools
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import iso8583
from iso8583.specs import default_ascii as SPECIFICATION

# Data elements by number, as text; "t" is the message type.
Message = dict[str, str]

# What changes or withholds an answer: gets request and answer, gives the answer or None.
Twist = Callable[[Message, Message], Message | None]


def read_exactly(connection: socket.socket, count: int) -> bytes | None:
    """None at the end of the stream."""
    content = b""
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            return None
        content += part
    return content


def encode(message: Message) -> bytes:
    raw, _ = iso8583.encode(dict(message), SPECIFICATION)
    return len(raw).to_bytes(2, "big") + bytes(raw)


@dataclass
class Host:
    """Answers every message like a host that approves everything, and remembers all of them."""

    received: list[Message] = field(default_factory=list)
    # What could not be decoded, or came in a wrong form.
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._twists: list[tuple[str, Twist]] = []
        self._connections: list[socket.socket] = []
        self._approvals = itertools.count(1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        self.disconnect()

    def disconnect(self) -> None:
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def send(self, content: bytes) -> None:
        """Sends bytes that nobody asked for to whoever is connected."""
        with self._lock:
            for connection in self._connections:
                try:
                    connection.sendall(content)
                except OSError:
                    pass

    def twist(self, message_type: str, twist: Twist) -> None:
        """Does something else with the answer to the next message of a type."""
        with self._lock:
            self._twists.append((message_type, twist))

    def about(self, rrn: str) -> list[Message]:
        """What was received about a movement, in order."""
        with self._lock:
            return [message for message in self.received if message.get("37") == rrn]

    def of_amount(self, amount: int) -> list[Message]:
        """The requests for an amount and everything that followed them, in order."""
        with self._lock:
            references = {
                message["37"]
                for message in self.received
                if message["t"] in ("0100", "0200") and int(message["4"]) == amount
            }
            return [message for message in self.received if message.get("37") in references]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                while prefix := read_exactly(connection, 2):
                    content = read_exactly(connection, int.from_bytes(prefix, "big"))
                    if content is None:
                        return
                    answer = self._answer(content)
                    if answer is not None:
                        connection.sendall(encode(answer))
        except OSError:
            # The gateway was killed, or the test has closed the host.
            pass
        finally:
            with self._lock:
                if connection in self._connections:
                    self._connections.remove(connection)

    def _answer(self, content: bytes) -> Message | None:
        try:
            decoded, _ = iso8583.decode(content, SPECIFICATION)
            again, _ = iso8583.encode(dict(decoded), SPECIFICATION)
        except (iso8583.DecodeError, iso8583.EncodeError) as error:
            self.complaints.append(str(error))
            return None
        if bytes(again) != content:
            self.complaints.append(f"{decoded['t']} is written otherwise than it is read")
        message = {key: value for key, value in decoded.items() if key not in ("h", "p", "1")}
        with self._lock:
            self.received.append(message)
            twist = next((item for item in self._twists if item[0] == message["t"]), None)
            if twist:
                self._twists.remove(twist)
        answer = self._approve(message)
        return twist[1](message, answer) if twist else answer

    def _approve(self, message: Message) -> Message:
        echoed = ("3", "4", "7", "11", "12", "13", "37", "41", "42", "49", "70", "90", "95")
        answer = {key: message[key] for key in echoed if key in message}
        # 0421 and 0221 are answered like what they repeat.
        function = {"0": "1", "2": "3"}[message["t"][2]]
        answer["t"] = message["t"][:2] + function + "0"
        answer["39"] = "00"
        if message["t"] in ("0100", "0200"):
            answer["38"] = f"{next(self._approvals):06}"
            if "48" in message:
                answer["44"] = "M"
        return answer
