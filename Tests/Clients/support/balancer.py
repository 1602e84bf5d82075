"""A load balancer in front of nodes, as merchants have one: TCP, and the next node that answers."""

import itertools
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress


class Balancer:
    """Takes connections and joins each to a node. A node that refuses is passed over."""

    def __init__(self, nodes: Iterable[str]):
        self._turn = itertools.count()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.nodes = list(nodes)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        node = self._dial()
        if node is None:
            client.close()
            return
        with self._lock:
            self._sockets |= {client, node}
        back = threading.Thread(target=self._pump, args=(node, client), daemon=True)
        back.start()
        self._pump(client, node)
        back.join()
        with self._lock:
            self._sockets -= {client, node}
        client.close()
        node.close()

    def _dial(self) -> socket.socket | None:
        nodes = list(self.nodes)
        first = next(self._turn)
        for number in range(len(nodes)):
            host, port = nodes[(first + number) % len(nodes)].removeprefix("http://").split(":")
            with suppress(OSError):
                return socket.create_connection((host, int(port)), timeout=5)
        return None

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        source.settimeout(None)
        with suppress(OSError):
            while part := source.recv(65536):
                target.sendall(part)
        # Either side's end ends both: nobody here speaks after the other has stopped.
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
