"""Reads a live stream in a thread of its own and notes when each event came."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from waiting import wait_for


@dataclass(frozen=True)
class Event:
    """One event as a browser would see it; `at` is monotonic seconds."""

    name: str
    data: Any
    id: str | None
    at: float


@dataclass
class Stream:
    """An open stream. `headers` and `status` are there once `opened` is set; `ended` when the server closed it."""

    client: httpx.Client
    topics: str
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    answer: httpx.Response | None = None
    retry: int | None = None
    comments: int = 0

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.opened.wait(10), "the stream did not open"
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up: the reader sees the end of the connection."""
        if self.answer is not None and not self.ended.is_set():
            with contextlib.suppress(OSError):
                self.answer.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        timeout = httpx.Timeout(10, read=None)
        # A connection that we hung up on is the end that we wanted; one that the server broke shows in the events.
        with (
            contextlib.suppress(httpx.TransportError),
            self.client.stream(
                "GET", "/api/v1/stream", params={"topics": self.topics}, headers=self.headers, timeout=timeout
            ) as answer,
        ):
            self.answer = answer
            self.opened.set()
            self._parse(answer)
        self.ended.set()
        self.opened.set()

    def _parse(self, answer: httpx.Response) -> None:
        held = b""
        for piece in answer.iter_raw():
            held += piece
            *blocks, held = held.split(b"\n\n")
            for block in blocks:
                self._event(block.decode())

    def _event(self, block: str) -> None:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        self.comments += "" in fields
        if "retry" in fields:
            self.retry = int(fields["retry"])
        if "event" in fields:
            event = Event(fields["event"], json.loads(fields["data"]), fields.get("id"), time.monotonic())
            self.events.append(event)

    def expect(
        self, name: str, matches: Callable[[Any], bool] = lambda data: True, timeout: float = 10.0
    ) -> Event:
        """The first event of that name whose data match; waits for it."""

        def found() -> Event | None:
            return next((one for one in list(self.events) if one.name == name and matches(one.data)), None)

        event = wait_for(found, timeout, f"an event {name}")
        assert event is not None
        return event
