"""The one poller of the app and its subscribers.

While somebody is subscribed, a thread of its own looks into the database every quarter of a second; what changed is put
on the subscriptions by the event loop. A subscription holds one pending message per topic, the newest: a slow reader
costs a bounded amount of memory and nobody's time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection

from app.auth.deps import still_valid
from app.auth.principal import Principal
from app.config import Settings
from app.db import Database
from app.errors import Unavailable
from app.live.collector import Collector
from app.live.messages import Message
from app.live.topics import Kind, Topic

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
RECHECK_SECONDS = 2.0
TROUBLE_SECONDS = 1.0
MAX_STREAMS = 500
Value = TypeVar("Value")


class Subscription:
    """What one open stream is still to be told. Used on the event loop only.

    Attributes:
        ended: why the stream has to end, once it has to.
        logs: where each watched log lies and how long it is.
    """

    def __init__(self, topics: tuple[Topic, ...], connection: HTTPConnection, principal: Principal) -> None:
        self.topics = frozenset(topics)
        self.connection = connection
        self.principal = principal
        self.ended: str | None = None
        self.logs: dict[int, tuple[tuple[str, str], int]] = {}
        self._pending: dict[tuple[Topic, str], Message] = {}
        self._wake = asyncio.Event()

    def offer(self, messages: Iterable[Message]) -> None:
        """Take what concerns this stream; an older pending message of the same topic is replaced or merged."""
        for message in messages:
            if message.topic not in self.topics:
                continue
            if message.event == Kind.LOG:
                self.logs[message.topic.run] = (message.data["place"], message.data["size"])
            else:
                self._put(message)
            self._wake.set()

    def _put(self, message: Message) -> None:
        key = (message.topic, message.event)
        earlier = self._pending.pop(key, None)
        if earlier is not None and message.event == Kind.METRICS:
            message = Message(message.topic, message.event, _merged(earlier.data, message.data))
        self._pending[key] = message

    def take(self) -> list[Message]:
        """The pending messages, oldest first; they are the caller's now."""
        messages, self._pending = list(self._pending.values()), {}
        self._wake.clear()
        return messages

    def end(self, why: str) -> None:
        """Make the stream end after what it is sending now."""
        self.ended = self.ended or why
        self._wake.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for something to send; False when nothing came in that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


class Hub:
    """The app's poller; `app.state.hub`.

    Args:
        settings: for the runs' folders and the life of leases.
        db: read in short sessions, off the event loop; none is open while nobody is subscribed.
    """

    def __init__(self, settings: Settings, db: Database) -> None:
        self._collector = Collector(settings, db)
        self._subscriptions: set[Subscription] = set()
        self._somebody = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        # Threads of its own: the shared pool may be full of requests that wait for the database.
        self._poller = ThreadPoolExecutor(1, thread_name_prefix="live-poll")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="live-log")

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def closing(self) -> bool:
        """Whether streams are being ended for good."""
        return self._closing

    def start(self) -> None:
        """Begin to serve, on the running event loop; polls only while somebody is subscribed."""
        self._task = asyncio.create_task(self._run(), name="live-hub")

    def close(self) -> None:
        """End every stream now and refuse new ones. On the event loop.

        Whoever runs the server calls it before uvicorn's shutdown, which waits for open responses.
        """
        self._closing = True
        for subscription in self._subscriptions:
            subscription.end("the server is stopping")

    async def stop(self) -> None:
        """End everything; waits for the round that is under way."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for pool in (self._poller, self._readers):
            pool.shutdown(wait=False, cancel_futures=True)

    async def subscribe(
        self, topics: tuple[Topic, ...], connection: HTTPConnection, principal: Principal
    ) -> Subscription:
        """Open a subscription whose first messages are the present state of every topic.

        Raises:
            Unavailable: too many streams, or the server is stopping.
        """
        if self._closing:
            raise Unavailable("The server is stopping.", retry_after=2)
        if len(self._subscriptions) >= MAX_STREAMS:
            raise Unavailable(f"{MAX_STREAMS} live streams are open; close some pages.", retry_after=10)
        subscription = Subscription(topics, connection, principal)
        self._subscriptions.add(subscription)
        try:
            subscription.offer(await self._off_loop(self._collector.snapshot, subscription.topics))
        except BaseException:
            self.unsubscribe(subscription)
            raise
        self._somebody.set()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget it; the poller rests when it was the last."""
        self._subscriptions.discard(subscription)
        if not self._subscriptions:
            self._somebody.clear()

    async def read_log(self, read: Callable[..., Value], *args: Any) -> Value:
        """Run a read of a log file in the readers' threads."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, read, *args)

    async def _off_loop(self, work: Callable[..., Value], *args: Any) -> Value:
        return await asyncio.get_running_loop().run_in_executor(self._poller, work, *args)

    async def _run(self) -> None:
        checked = time.monotonic()
        while not self._closing:
            await self._somebody.wait()
            pause = POLL_SECONDS
            try:
                # First: a round that cannot be made must not keep open what has been revoked.
                if time.monotonic() - checked >= RECHECK_SECONDS:
                    checked = time.monotonic()
                    await self._recheck()
                await self._round()
            except (SQLAlchemyError, OSError) as error:
                # Locked, unreachable or full: the streams stay open and go on when it is back.
                logger.warning("the live stream cannot read: %s", error)
                pause = TROUBLE_SECONDS
            except Exception:
                # A poller that dies silently leaves every page frozen.
                logger.exception("a round of the live stream failed")
                pause = TROUBLE_SECONDS
            await asyncio.sleep(pause)

    async def _round(self) -> None:
        topics = frozenset().union(*(subscription.topics for subscription in self._subscriptions))
        messages = await self._off_loop(self._collector.poll, topics)
        if messages:
            for subscription in self._subscriptions:
                subscription.offer(messages)

    async def _recheck(self) -> None:
        """End the streams whose login or token does not hold any more."""
        holders: dict[tuple[str, frozenset[str]], list[Subscription]] = {}
        for subscription in self._subscriptions:
            who = subscription.principal
            holders.setdefault((who.credential, who.scopes), []).append(subscription)
        for subscriptions in holders.values():
            first = subscriptions[0]
            if not await self._off_loop(still_valid, first.connection, first.principal):
                for subscription in subscriptions:
                    subscription.end("the login or the token does not hold any more")


def _merged(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Two messages about the curves of one run in one: the later points win, and what came back is not gone."""
    gone = set(later.get("gone", ()))
    tags = {tag: point for tag, point in earlier["tags"].items() if tag not in gone} | later["tags"]
    gone = (gone | set(earlier.get("gone", ()))) - tags.keys()
    return {"run": later["run"], "tags": tags} | ({"gone": sorted(gone)} if gone else {})
