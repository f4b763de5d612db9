"""One open stream: the bytes of its events, and the response that sends them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.clock import rfc3339, utcnow
from app.config import Settings, run_dir
from app.live.hub import Hub, Subscription
from app.live.messages import RETRY, beat, frame
from app.live.topics import format_positions
from app.runs.logfile import LogChunk, read_log, tail_log

logger = logging.getLogger(__name__)

BEAT_SECONDS = 15.0
SEND_SECONDS = 20.0
"""A reader that takes nothing for so long is dropped."""
LOG_BYTES = 1 << 16
TAIL_LINES = 1000


def whole_characters(data: bytes) -> int:
    r"""Length of `data` without a UTF-8 character that is cut off at its end.

    >>> whole_characters("né".encode()), whole_characters("né".encode()[:-1]), whole_characters(b"n\xff")
    (3, 1, 2)
    """
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:  # the first byte of a character, or a plain one
            length = _length_by_lead(byte)
            return len(data) - back if length > back else len(data)
    return len(data)


def _length_by_lead(byte: int) -> int:
    if byte >> 5 == 0b110:
        return 2
    if byte >> 4 == 0b1110:
        return 3
    return 4 if byte >> 3 == 0b11110 else 1


class LogFollower:
    """Where one stream is in each log that it follows.

    Args:
        positions: offsets to resume at; a log that is not in it begins near its end.
    """

    def __init__(self, hub: Hub, settings: Settings, positions: dict[int, int]) -> None:
        self._hub = hub
        self._settings = settings
        self._at = dict(positions)
        self._looked: dict[int, int] = {}

    def behind(self, subscription: Subscription) -> list[int]:
        """Runs whose log is longer than when it was last read."""
        return [run for run, (_, size) in subscription.logs.items() if self._looked.get(run, -1) < size]

    async def read(self, run: int, subscription: Subscription) -> bytes | None:
        """The next piece of a log as an event; None when there is nothing whole yet."""
        place, size = subscription.logs[run]
        folder = run_dir(self._settings, *place)
        try:
            if run in self._at:
                chunk = await self._hub.read_log(read_log, folder, self._at[run], LOG_BYTES)
            else:
                chunk = await self._hub.read_log(_whole_lines_at_end, folder)
        except OSError as error:
            logger.warning("the log of run %d cannot be read: %s", run, error)
            self._looked[run] = size  # tried again when it has grown
            return None
        start = chunk.next_offset - len(chunk.data)
        length = whole_characters(chunk.data)
        if not length and chunk.next_offset < size:
            # What cut this character was not the end of the output but the gap: the rest will never come.
            length = len(chunk.data)
        self._at[run] = start + length
        self._looked[run] = chunk.next_offset
        if not length:
            return None
        return self._event(run, start, chunk, length)

    def _event(self, run: int, start: int, chunk: LogChunk, length: int) -> bytes:
        text = chunk.data[:length].decode("utf-8", "replace")
        data: dict[str, object] = {"run": run, "offset": start, "end": start + length, "text": text}
        if chunk.gap is not None:
            data["gap"] = chunk.gap
        followed = {run: at for run, at in self._at.items() if run in self._looked}
        return frame("log", data, format_positions(followed))


def _whole_lines_at_end(folder: Path) -> LogChunk:
    """The last lines of a log, without one that the limit on their bytes cut off at its front."""
    chunk = tail_log(folder, TAIL_LINES, LOG_BYTES)
    begins = chunk.data.find(b"\n") + 1
    if len(chunk.data) < LOG_BYTES or begins in {0, len(chunk.data)}:
        return chunk
    return chunk._replace(data=chunk.data[begins:])


async def events(
    hub: Hub, settings: Settings, subscription: Subscription, positions: dict[int, int]
) -> AsyncIterator[bytes]:
    """The bytes of one stream until it has to end: the present state of its topics first, then what changes.

    Args:
        hub: reads the logs.
        settings: for the runs' folders.
        subscription: what to send.
        positions: where to resume logs, see `parse_positions`.
    """
    logs = LogFollower(hub, settings, positions)
    yield RETRY
    while subscription.ended is None:
        for message in subscription.take():
            yield frame(message.event, message.data)
        for run in logs.behind(subscription):
            event = await logs.read(run, subscription)
            if event is not None:
                yield event
        if not logs.behind(subscription) and not await subscription.wait(BEAT_SECONDS):
            yield beat(rfc3339(utcnow()))
    yield RETRY


class EventStream(Response):
    """Sends an endless body; ends when the client goes, and drops a client that takes nothing for 20 s.

    Args:
        chunks: the body.
        done: called in any case when the stream has ended.
    """

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes], done: Callable[[], None]) -> None:
        self.status_code = 200
        self.background = None
        self._chunks = chunks
        self._done = done
        # no-transform and X-Accel-Buffering: proxies that compress or collect would hold events back.
        self.init_headers({"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of both sides has enough."""
        del scope
        try:
            gone = asyncio.create_task(_disconnected(receive))
            sending = asyncio.create_task(self._send(send))
            try:
                await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                sending.cancel()
                ended, _ = await asyncio.gather(sending, gone, return_exceptions=True)
            if isinstance(ended, Exception):
                raise ended
        finally:
            self._done()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for chunk in self._chunks:
                async with asyncio.timeout(SEND_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError:
            logger.info("a live stream is dropped: its reader takes nothing")
            return
        with suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
