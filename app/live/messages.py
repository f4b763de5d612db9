"""What travels from the poller to the subscribers, and its form on the wire."""

import json
from dataclasses import dataclass
from typing import Any

from app.live.topics import Topic

RETRY_MS = 1000
RETRY = f"retry: {RETRY_MS}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Message:
    """One event for everybody who subscribed to its topic.

    Attributes:
        event: its name: the topic's kind, or `gone`.
        data: becomes JSON.
    """

    topic: Topic
    event: str
    data: dict[str, Any]


def frame(event: str, data: dict[str, Any], event_id: str | None = None) -> bytes:
    """One server-sent event."""
    # JSON escapes every line break and, with allow_nan=False, refuses what no browser could parse.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    lead = f"id: {event_id}\n" if event_id is not None else ""
    return f"{lead}event: {event}\ndata: {text}\n\n".encode("utf-8", "replace")


def beat(now: str | None) -> bytes:
    """The heartbeat: a comment for proxies, and an event by which a page sees that the stream is alive.

    Args:
        now: the server's time, RFC 3339.
    """
    return b": beat\n" + frame("beat", {"at": now})
