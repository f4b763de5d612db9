"""A run's output: pieces of it, followed across restarts of the server, and cut into lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from danlu.client.patience import Patience
from danlu.rest import Connection

PIECE = 1 << 20
TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The states of a run that never change again."""


class LogPiece(NamedTuple):
    """A piece of the output."""

    text: str
    offset: int
    """Of the first byte behind it: where to go on."""


def read(server: Connection, run_id: int, offset: int, tail: int | None) -> tuple[bytes, int]:
    """Up to 1 MiB from an offset, or the last `tail` lines; and the offset after it."""
    query = {"offset": offset, "limit": PIECE} if tail is None else {"tail": tail}
    answer = server.send("GET", f"/runs/{run_id}/log", params=query, headers={"Accept": "text/plain"})
    return answer.content, int(answer.headers["X-Next-Offset"])


def follow(
    server: Connection, run_id: int, offset: int, patience: Patience, *, on: bool = True
) -> Iterator[LogPiece]:
    """All the output from an offset, and what comes, until the run has ended and everything was read.

    A character that is cut by two pieces comes whole with the second; an offset never lies inside one.

    Args:
        server: where.
        run_id: the run.
        offset: byte to begin at.
        patience: with a server that is away.
        on: False: only what is there now.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while True:
        # Looked at before the output is read: what is written last is read in any case.
        ended = not on or patience.ask(lambda: server.json("GET", f"/runs/{run_id}"))["state"] in TERMINAL
        while True:
            data, after = patience.ask(lambda: read(server, run_id, offset, None))  # noqa: B023 - called at once
            if not data:
                break
            patience.quicken()
            offset = after
            text = decoder.decode(data)
            if text:
                yield LogPiece(text, offset - len(decoder.getstate()[0]))
        if ended:
            rest = decoder.decode(b"", final=True)
            if rest:
                yield LogPiece(rest, offset)
            return
        patience.pause()


def lines(pieces: Iterable[LogPiece]) -> Iterator[str]:
    """Whole lines without their ends; the last one even if nothing ended it."""
    held = ""
    for piece in pieces:
        if "\n" not in piece.text:
            held += piece.text
            continue
        *whole, held = (held + piece.text).split("\n")
        yield from (line.removesuffix("\r") for line in whole)
    if held:
        yield held
