"""Looks into the database and at the logs, and says what changed. Runs in the poller's one thread, never on the loop."""

import logging
import time
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from app.clock import rfc3339, utcnow
from app.config import Settings, run_dir
from app.db import Database, ReadSession
from app.live import queries
from app.live.messages import Message
from app.live.topics import OF_RUNS, Kind, Topic
from app.queue.store import paused
from app.runs.logfile import log_size
from app.runs.queries import run_dicts

LISTS = frozenset({Kind.EXPERIMENT, Kind.EXPERIMENTS})
logger = logging.getLogger(__name__)

LIST_SECONDS = 1.0
"""Tables of many runs are told of changes at most this often: each telling makes every open page ask for its rows."""
QUEUED_SECONDS = 1.0
"""A queued run's place changes without a change of its row, so it is looked at anew this often."""
OVERLAP = timedelta(seconds=10)
"""Changes are looked for so far back: a transaction may be committed well after the time that it wrote down."""


class Collector:
    """Remembers what was last said about each topic and says only what is new.

    Args:
        settings: for the runs' folders.
        db: read in one short session per round.
    """

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self._said: dict[Topic, Any] = {}
        self._watches_lists = False
        self._dirty: set[Topic] = set()
        self._told_at: dict[Topic, float] = {}
        self._queued_at: dict[int, float] = {}
        self._seen_runs: dict[int, datetime] = {}
        self._seen_experiments: dict[str, datetime] = {}
        self._counted_at = 0.0
        self._totals: dict[Topic, Any] = {}

    def snapshot(self, topics: Collection[Topic]) -> list[Message]:
        """The present state of every topic, for a new subscriber.

        What others were told stays as it is: they still get the difference with the next `poll`.
        """
        if not self._watches_lists and any(topic.kind in LISTS for topic in topics):
            # Before the look: what changes from now on is news, what changed before is in the snapshot.
            self._note_changes(topics)
            self._dirty.clear()
        with self._db.read() as session:
            fresh = list(self._look(session, topics, everything=True))
        for message, mark in fresh:
            self._said.setdefault(message.topic, mark)
        return [message for message, _ in fresh]

    def poll(self, topics: Collection[Topic]) -> list[Message]:
        """What changed on these topics since it was last said."""
        for stale in set(self._said) - set(topics):
            self._said.pop(stale)
            self._told_at.pop(stale, None)
            self._queued_at.pop(stale.run, None)
        self._note_changes(topics)
        messages = []
        with self._db.read() as session:
            for message, mark in self._look(session, topics, everything=False):
                self._said[message.topic] = mark
                messages.append(message)
        return messages

    def _look(
        self, session: ReadSession, topics: Collection[Topic], *, everything: bool
    ) -> Iterator[tuple[Message, Any]]:
        """Messages with the marks by which a repetition is recognised."""
        watched = [topic for topic in topics if topic.kind in OF_RUNS]
        marks = queries.run_marks(session, {topic.run for topic in watched}) if watched else {}
        here = [topic for topic in watched if topic.run in marks]
        for topic in watched:
            if topic.run not in marks and (everything or self._said.get(topic) != "gone"):
                yield Message(topic, "gone", {"run": topic.run}), "gone"
        yield from self._runs(session, [t for t in here if t.kind is Kind.RUN], marks, everything=everything)
        yield from self._metrics(session, [t for t in here if t.kind is Kind.METRICS], everything=everything)
        yield from self._logs(session, [t for t in here if t.kind is Kind.LOG], everything=everything)
        yield from self._lists(session, topics, everything=everything)

    def _runs(
        self, session: ReadSession, topics: list[Topic], marks: dict[int, queries.Mark], *, everything: bool
    ) -> Iterator[tuple[Message, Any]]:
        now = time.monotonic()
        wanted = []
        for topic in topics:
            mark = marks[topic.run]
            said = self._said.get(topic)
            waits = mark[0] == "queued" and now - self._queued_at.get(topic.run, 0.0) >= QUEUED_SECONDS
            if everything or waits or not isinstance(said, tuple) or said[0] != mark:
                wanted.append(topic)
        if not wanted:
            return
        found = {
            run["id"]: run for run in run_dicts(session, self._settings, [topic.run for topic in wanted])
        }
        for topic in wanted:
            run = found.get(topic.run)
            if run is None:  # deleted between the two statements: the next round says so
                continue
            if run["state"] == "queued":
                self._queued_at[topic.run] = now
            else:
                self._queued_at.pop(topic.run, None)
            digest = {key: value for key, value in run.items() if key != "duration_s"}
            said = self._said.get(topic)
            if everything or not isinstance(said, tuple) or said[1] != digest:
                yield Message(topic, "run", run), (marks[topic.run], digest)

    def _metrics(
        self, session: ReadSession, topics: list[Topic], *, everything: bool
    ) -> Iterator[tuple[Message, Any]]:
        if not topics:
            return
        points = queries.last_points(session, [topic.run for topic in topics])
        for topic in topics:
            now = points.get(topic.run, {})
            said = {} if everything else self._said.get(topic)
            before = said if isinstance(said, dict) else {}
            new = {tag: point for tag, point in now.items() if before.get(tag) != point}
            gone = [tag for tag in before if tag not in now]
            if new or gone or everything:
                data = {"run": topic.run, "tags": new} | ({"gone": gone} if gone else {})
                yield Message(topic, "metrics", data), now

    def _logs(
        self, session: ReadSession, topics: list[Topic], *, everything: bool
    ) -> Iterator[tuple[Message, Any]]:
        """How long each log is by now; its bytes are read by each subscriber, from where that one is."""
        if not topics:
            return
        for run_id, place in queries.run_places(session, [topic.run for topic in topics]).items():
            topic = Topic(Kind.LOG, run=run_id)
            try:
                size = log_size(run_dir(self._settings, *place))
            except OSError as error:
                logger.warning("the log of run %d cannot be looked at: %s", run_id, error)
                continue
            if everything or self._said.get(topic) != size:
                yield Message(topic, "log", {"size": size, "place": place}), size

    def _lists(
        self, session: ReadSession, topics: Collection[Topic], *, everything: bool
    ) -> Iterator[tuple[Message, Any]]:
        now = time.monotonic()
        due = [
            topic
            for topic in topics
            if everything or (topic in self._dirty and now - self._told_at.get(topic, 0.0) >= LIST_SECONDS)
        ]
        for topic in due:
            if not everything:
                self._dirty.discard(topic)
                self._told_at[topic] = now
            if topic.kind is Kind.EXPERIMENT:
                counts = queries.run_counts(session, [topic.slug]).get(topic.slug)
                if counts is None:
                    if everything or self._said.get(topic) != "gone":
                        yield Message(topic, "gone", {"experiment": topic.slug}), "gone"
                else:
                    data = {"slug": topic.slug, "runs": sum(counts.values()), "states": counts}
                    yield Message(topic, "experiment", data), data
            elif topic.kind is Kind.EXPERIMENTS:
                total = queries.experiment_total(session)
                yield Message(topic, "experiments", {"experiments": total}), total
        yield from self._queue(session, topics, everything=everything)
        workers = Topic(Kind.WORKERS)
        if workers in topics:
            heard = utcnow() - timedelta(seconds=self._settings.lease_seconds)
            rows = [_worker(row, heard) for row in queries.worker_rows(session)]
            if everything or self._said.get(workers) != rows:
                yield Message(workers, "workers", {"workers": rows}), rows

    def _queue(
        self, session: ReadSession, topics: Collection[Topic], *, everything: bool
    ) -> Iterator[tuple[Message, Any]]:
        """Its order, what runs, whether it is paused; looked at once a second."""
        topic, now = Topic(Kind.QUEUE), time.monotonic()
        if topic not in topics or not (everything or now - self._told_at.get(topic, 0.0) >= LIST_SECONDS):
            return
        if not everything:
            self._told_at[topic] = now
        pause = paused(session)
        seen, waiting, running = queries.queue_mark(session)
        if everything or self._said.get(topic) != (pause, seen):
            data = {"queued": waiting, "running": running, "paused": pause and pause.to_json()}
            yield Message(topic, "queue", data), (pause, seen)

    def _note_changes(self, topics: Collection[Topic]) -> None:
        """Find out which experiments something happened in."""
        self._watches_lists = any(topic.kind in LISTS for topic in topics)
        if not self._watches_lists:
            self._seen_runs, self._seen_experiments = {}, {}
            return
        since = utcnow() - OVERLAP
        with self._db.read() as session:
            runs = queries.changed_runs(session, since)
            experiments = queries.changed_experiments(session, since)
            if time.monotonic() - self._counted_at >= LIST_SECONDS:
                self._counted_at = time.monotonic()
                self._count(session, topics)
        slugs = {slug for run_id, slug, at in runs if self._seen_runs.get(run_id) != at}
        slugs |= {slug for slug, at in experiments if self._seen_experiments.get(slug) != at}
        self._seen_runs = {run_id: at for run_id, _, at in runs}
        self._seen_experiments = dict(experiments)
        if slugs:
            self._dirty.add(Topic(Kind.EXPERIMENTS))
            self._dirty |= {Topic(Kind.EXPERIMENT, slug=slug) for slug in slugs}
        self._dirty &= set(topics)

    def _count(self, session: ReadSession, topics: Collection[Topic]) -> None:
        """A deleted row cannot say that it changed; there is one less."""
        slugs = [topic.slug for topic in topics if topic.kind is Kind.EXPERIMENT]
        counted = queries.run_totals(session, slugs) if slugs else {}
        totals: dict[Topic, Any] = {Topic(Kind.EXPERIMENT, slug=slug): counted.get(slug, 0) for slug in slugs}
        if Topic(Kind.EXPERIMENTS) in topics:
            totals[Topic(Kind.EXPERIMENTS)] = queries.table_totals(session)
        self._dirty |= {topic for topic in totals if self._totals.get(topic, totals[topic]) != totals[topic]}
        self._totals = totals


def _worker(row: Any, heard: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "host": row.host,
        "state": row.state,
        "alive": row.last_seen_at >= heard,
        "devices": row.devices,
        "last_seen_at": rfc3339(row.last_seen_at),
    }
