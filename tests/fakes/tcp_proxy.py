"""A TCP proxy in front of a real server that loses answers, cuts them short, or goes away for a while."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """What to do with the next answers; change it at any time.

    Attributes:
        target: port of the server; None: hang up at once.
        lose: so many answers are swallowed, and their connections closed.
        hold: so many answers are swallowed, and their connections kept open in silence.
        cut: bytes of an answer after which its connection is closed, once; None: never.
        lost: how many were lost, held or cut.
    """

    url: str = ""
    target: int | None = None
    lose: int = 0
    hold: int = 0
    cut: int | None = None
    lost: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    def aim(self, url: str | None) -> None:
        """From now on at this server; None: at none. Connections that are open are closed."""
        self.target = urlsplit(url).port if url else None
        self.hang_up()

    def hang_up(self) -> None:
        """Close what is open."""
        with self._lock:
            ends, self._open[:] = list(self._open), []
        for end in ends:
            _shut(end)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target or 0), timeout=10)
            except OSError:
                _shut(client)
                continue
            server.settimeout(None)
            with self._lock:
                self._open += [client, server]
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, answers), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        passed = 0
        held = False
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if answers:
                    held = held or self._take("hold")
                    if held:
                        continue
                    if self._take("lose"):
                        break
                    if self.cut is not None and passed + len(data) > self.cut:
                        sink.sendall(data[: self.cut - passed])
                        self.cut = None
                        self.lost += 1
                        break
                    passed += len(data)
                sink.sendall(data)
        _shut(source)
        _shut(sink)

    def _take(self, name: str) -> bool:
        with self._lock:
            left: int = getattr(self, name)
            if left:
                setattr(self, name, left - 1)
                self.lost += 1
        return left > 0


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextlib.contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy on a free loopback port in front of that server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(url=f"http://127.0.0.1:{listener.getsockname()[1]}", target=urlsplit(url).port)
        threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            proxy.hang_up()
