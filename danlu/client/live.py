"""The live stream: server-sent events, followed across broken connections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from danlu.client.patience import Patience
from danlu.errors import ApiError
from danlu.rest import Connection

QUIET = 45.0
"""Seconds without a byte after which the connection is dead: the server says something every 15 s."""


class LiveEvent(NamedTuple):
    """One event of the stream."""

    name: str
    """`run`, `metrics`, `log`, `experiment`, `experiments`, `workers`, `queue` or `gone`."""
    data: Any
    """Its JSON."""
    id: str
    """Where the logs were left: what `last_event_id` takes."""


def follow(
    server: Connection, topics: Iterable[str], last_event_id: str, patience: Patience
) -> Iterator[LiveEvent]:
    """Events of these topics, for ever; logs go on where they were left when the connection breaks.

    Raises:
        ApiError: the server refused, or has been away for too long.
    """
    query = {"topics": ",".join(topics)}
    while True:
        headers = {"Accept": "text/event-stream"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        try:
            with server.opened("/stream", quiet=QUIET, params=query, headers=headers) as answer:
                for event in _events(answer.iter_bytes(), last_event_id):
                    patience.heard()
                    last_event_id = event.id
                    if event.name != "beat":
                        patience.quicken()
                        yield event
        except ApiError as error:
            patience.forgive(error)
        patience.pause()


def _events(pieces: Iterable[bytes], last_id: str) -> Iterator[LiveEvent]:
    """Parse `text/event-stream` as our server writes it; an event that is cut off is left out."""
    held = b""
    for piece in pieces:
        *blocks, held = (held + piece).split(b"\n\n")
        for block in blocks:
            name, data = "", []
            for line in block.decode().split("\n"):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    last_id = value
            if data:
                yield LiveEvent(name, json.loads("\n".join(data)), last_id)
