"""uvicorn's HTTP protocol with the two bounds that it lacks: on the size of a request's head, and on its time.

Before a head is complete nobody has been asked who they are, so without these anyone could fill the memory with one
endless header, or hold connections with heads that never end.
"""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Bytes of an unfinished request line with headers."""
HEAD_SECONDS = 30.0
"""From the first byte of a request, or from the connection, to the end of its headers."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses heads of more than 64 KiB (431), and drops connections whose head does not end within 30 s."""

    _head_bytes = 0
    _head_done = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request's first byte: its head is counted from here."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is whole; what follows is the body, whose size and pace the app bounds."""
        self._head_done = True
        self._stop_timer()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what it keeps of a head that goes on."""
        super().data_received(data)
        if self._head_done or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse()

    def _expect_head(self) -> None:
        self._head_bytes, self._head_done = 0, False
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        self.transport.close()

    def _refuse(self) -> None:
        self._stop_timer()
        if self.cycle is None or self.cycle.response_complete:
            detail = f"The request line and the headers are larger than {HEAD_BYTES // 1024} KiB."
            body = json.dumps({"error": "head_too_large", "detail": detail}).encode()
            head = (
                "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
