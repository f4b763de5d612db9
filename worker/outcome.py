"""How an attempt ended: from the facts to a reason and one sentence. Pure; the table of cases is the test."""

import enum
import errno
import re
import signal
from dataclasses import dataclass, field
from typing import Any

from app.runs.words import Reason
from worker.launch import Exited, Lost

_DETAIL = 1000
_OOM = re.compile(
    rb"CUDA out of memory|OutOfMemoryError|\bMemoryError\b|std::bad_alloc|can't allocate memory|Cannot allocate memory"
)
_DISK = re.compile(rb"No space left on device|Disk quota exceeded")
_ERROR = re.compile(r"error|fatal|\u00d7", re.IGNORECASE)
_FRAME = re.compile("[\u2500-\u257f\u25b6]+")
_HINT = re.compile(r" (?:hint|help|info): ")
_COMPLAINT_LINES = 8
# What a run may say about itself; the rest is not its to judge.
_OWN = frozenset({
    Reason.COMPLETED, Reason.EXCEPTION, Reason.OUT_OF_MEMORY, Reason.DISK_FULL, Reason.NON_FINITE_LOSS,
    Reason.BAD_PARAMS, Reason.BAD_DEVICE, Reason.CHECKPOINT_UNREADABLE,
    Reason.BAD_ENVIRONMENT,
})  # fmt: skip


class Asked(enum.StrEnum):
    """Why the supervisor told the attempt to stop."""

    CANCEL = "cancel"
    TIMEOUT = "timeout"
    DRAIN = "drain"
    LOST_LEASE = "lost_lease"


class Fate(enum.Enum):
    """What is to be done about the run."""

    FINISH = "finish"
    RELEASE = "release"
    """Back to the queue; the attempt does not count."""
    RECLAIM = "reclaim"
    """Treated as a lost worker: counted, with a back-off."""
    DROP = "drop"
    """It is somebody else's by now."""


@dataclass(frozen=True)
class Facts:
    """All that the decision rests on."""

    ended: Exited | Lost
    attempt: int
    asked: Asked | None = None
    timeout_s: float | None = None
    own: dict[str, Any] = field(default_factory=dict)
    """What the run wrote to `outcome.json`; to be distrusted."""
    log_tail: bytes = b""


@dataclass(frozen=True)
class Outcome:
    """The decision."""

    fate: Fate
    reason: Reason | None = None
    detail: str | None = None
    exit_code: int | None = None
    wait_s: float = 0.0
    """How long a run that goes back to the queue waits there, so that others go first."""


def decide(facts: Facts) -> Outcome:
    """The outcome of an attempt.

    1. Its lease is another's: nothing is written.
    2. Nobody knows how it ended: a lost worker if it had run, a refused launch otherwise.
    3. The run said how it ended before it was told to stop: that stands, whatever came in the same moment. It also
       stands where only the worker had to stop, and the run came to its end without ever having looked.
    4. It was told to stop: that is the reason.
    5. Else its exit status, refined by what it wrote about itself, the kernel, and the end of its log.
    """
    ended = facts.ended
    if facts.asked is Asked.LOST_LEASE:
        return Outcome(Fate.DROP)
    if isinstance(ended, Lost):
        return _lost(facts, ended)
    said = _said(facts)
    before = not facts.own.get("stopped")
    unheard = facts.own.get("unheard") and (facts.asked is Asked.DRAIN or ended.fenced)
    if said is not None and (before or unheard) and (said[0] is not Reason.COMPLETED or ended.status == 0):
        return Outcome(Fate.FINISH, *said, exit_code=ended.status)
    if facts.asked is Asked.CANCEL:
        return Outcome(Fate.FINISH, Reason.CANCELLED_BY_USER, None, ended.status)
    if facts.asked is Asked.TIMEOUT:
        return _timeout(facts, ended.status)
    if facts.asked is Asked.DRAIN or ended.fenced:
        why = "its worker could not renew the lease and stopped it" if facts.asked is None else None
        return Outcome(Fate.RELEASE, detail=why)
    return Outcome(Fate.FINISH, *_by_status(facts, ended, said), exit_code=ended.status)


def clean(text: object) -> str:
    """One line that both databases store: no control characters, no lone surrogates, not too long."""
    whole = str(text).encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in whole).split())[:_DETAIL]


def _timeout(facts: Facts, status: int | None) -> Outcome:
    return Outcome(Fate.FINISH, Reason.TIMEOUT, f"ran longer than {facts.timeout_s:g} s", status)


def _lost(facts: Facts, ended: Lost) -> Outcome:
    if facts.asked is Asked.TIMEOUT:
        return _timeout(facts, None)
    if ended.number in {errno.ENOSPC, errno.EDQUOT}:
        return Outcome(Fate.FINISH, Reason.DISK_FULL, clean(ended.detail))
    return Outcome(Fate.RECLAIM if ended.started else Fate.RELEASE, detail=clean(ended.detail))


def _said(facts: Facts) -> tuple[Reason, str | None] | None:
    """What the run itself wrote, where it is of this attempt and within what a run may say."""
    own = facts.own
    if own.get("attempt") != facts.attempt or own.get("reason") not in _OWN:
        return None
    if own.get("provisional") and (not isinstance(facts.ended, Exited) or facts.ended.status <= 0):
        return None
    detail = own.get("detail")
    if detail and own.get("provisional"):
        detail = f"{detail}: {_complaint(facts.log_tail)}"
    return Reason(own["reason"]), clean(detail) if detail else None


def _by_status(
    facts: Facts, ended: Exited, said: tuple[Reason, str | None] | None
) -> tuple[Reason, str | None]:
    if said is not None and said[0] is not Reason.COMPLETED:
        return said
    if ended.status == 0:
        return Reason.COMPLETED, None
    if ended.status < 0:
        sentence, plain = f"killed by {_signal_name(-ended.status)}", Reason.SIGNAL
        if -ended.status == signal.SIGKILL and ended.out_of_memory:
            return Reason.OUT_OF_MEMORY, "killed by the kernel, which had no memory left"
    else:
        sentence, plain = f"exit code {ended.status}", Reason.EXIT_CODE
    for reason, pattern in ((Reason.OUT_OF_MEMORY, _OOM), (Reason.DISK_FULL, _DISK)):
        found = pattern.search(facts.log_tail)
        if found:
            return reason, f"{sentence}; its log says: {clean(_line_around(facts.log_tail, found.start()))}"
    # On a full disk neither the run's own word nor its last output find room.
    if ended.log_trouble and _DISK.search(ended.log_trouble.encode()):
        return Reason.DISK_FULL, f"{sentence}; its log could not be written: {clean(ended.log_trouble)}"
    return plain, sentence


def _complaint(text: bytes) -> str:
    """What a tool says is wrong: from its first line that begins like an error, without frames and hints; else its last."""
    whole = _FRAME.sub(" ", text.decode("utf-8", "replace"))
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if _ERROR.match(line):
            whole = " ".join(lines[number : number + _COMPLAINT_LINES])
            return _HINT.split(whole)[0].lstrip("\u00d7 ")
    return lines[-1] if lines else "it said nothing"


def _line_around(text: bytes, place: int) -> str:
    start, end = text.rfind(b"\n", 0, place) + 1, text.find(b"\n", place)
    return text[start : end if end >= 0 else None].decode("utf-8", "replace")


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"
