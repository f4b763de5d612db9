"""What a stream may be about: `run:12`, `log:12`, `metrics:12`, `experiment:slug`, `experiments`, `workers`, `queue`."""

import re
from dataclasses import dataclass
from enum import StrEnum

from app.errors import Invalid
from app.fields import MAX_ID

MAX_TOPICS = 64
_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?", re.ASCII)
_SHOWN = 60


class Kind(StrEnum):
    """The kinds of topics; a run's kinds carry its id, an experiment's its slug, the others nothing."""

    RUN = "run"
    LOG = "log"
    METRICS = "metrics"
    EXPERIMENT = "experiment"
    EXPERIMENTS = "experiments"
    WORKERS = "workers"
    QUEUE = "queue"


OF_RUNS = frozenset({Kind.RUN, Kind.LOG, Kind.METRICS})
ALONE = frozenset({Kind.EXPERIMENTS, Kind.WORKERS, Kind.QUEUE})


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject of a stream.

    Attributes:
        run: id, for the kinds of a run.
        slug: for experiments.
    """

    kind: Kind
    run: int = 0
    slug: str = ""

    def __str__(self) -> str:
        if self.kind in ALONE:
            return self.kind.value
        return f"{self.kind.value}:{self.slug or self.run}"


def parse_topics(text: str) -> tuple[Topic, ...]:
    """Read a comma separated list of topics; repeated ones count once.

    Raises:
        Invalid: nothing, too many, or a topic that does not exist (named in the message).

    >>> [str(topic) for topic in parse_topics("run:12, workers,run:12")]
    ['run:12', 'workers']
    """
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise _invalid(
            "Name at least one topic, such as run:12, log:12, metrics:12, experiment:slug, workers."
        )
    if len(words) > MAX_TOPICS:
        raise _invalid(f"At most {MAX_TOPICS} topics in one stream; these are {len(words)}.")
    return tuple(_topic(word) for word in words)


def _topic(word: str) -> Topic:
    name, colon, rest = word.partition(":")
    if name not in list(Kind):
        raise _unknown(word)
    kind = Kind(name)
    if kind in ALONE:
        if colon:
            raise _unknown(word)
        return Topic(kind)
    if kind in OF_RUNS:
        if not _NUMBER.fullmatch(rest) or int(rest) > MAX_ID:
            raise _unknown(word)
        return Topic(kind, run=int(rest))
    if not _SLUG.fullmatch(rest):
        raise _unknown(word)
    return Topic(kind, slug=rest)


def _unknown(word: str) -> Invalid:
    shown = word if len(word) <= _SHOWN else word[:_SHOWN] + "…"
    kinds = "run:ID, log:ID, metrics:ID, experiment:SLUG, experiments, workers, queue"
    return _invalid(f"{shown!a} is no topic; topics are {kinds}.")


def _invalid(message: str) -> Invalid:
    return Invalid(message, fields={"topics": message})


def parse_positions(text: str | None) -> dict[int, int]:
    """Read a `Last-Event-ID`: where each log was left, by run. Anything else in it is left out, never an error.

    >>> parse_positions("12=4096,13=0,nonsense")
    {12: 4096, 13: 0}
    """
    positions: dict[int, int] = {}
    for word in (text or "").split(",")[:MAX_TOPICS]:
        run, _, offset = word.strip().partition("=")
        if _NUMBER.fullmatch(run) and re.fullmatch(r"[0-9]{1,18}", offset, re.ASCII):
            positions[int(run)] = int(offset)
    return positions


def format_positions(positions: dict[int, int]) -> str:
    """The event id that `parse_positions` reads."""
    return ",".join(f"{run}={offset}" for run, offset in positions.items())
