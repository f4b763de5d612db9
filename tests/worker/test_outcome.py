"""The table of outcomes: from facts to a reason."""

import errno
import signal
from typing import Any

import pytest

from app.runs.words import Reason
from worker.launch import Exited, Lost
from worker.outcome import Asked, Facts, Fate, Outcome, clean, decide

KILL = -signal.SIGKILL


def said(
    reason: str, *, stopped: bool = False, unheard: bool = False, detail: str | None = None, attempt: int = 2
) -> dict[str, Any]:
    return {"attempt": attempt, "reason": reason, "detail": detail, "stopped": stopped, "unheard": unheard}


def facts(ended: Exited | Lost, **more: Any) -> Facts:
    return Facts(ended, 2, **more)


FINISHED = [
    ("said completed", facts(Exited(0), own=said("completed")), "completed", None),
    ("said nothing", facts(Exited(0)), "completed", None),
    ("exit 1", facts(Exited(1)), "exit_code", "exit code 1"),
    ("exit 77", facts(Exited(77), own={"reason": "nonsense"}), "exit_code", "exit code 77"),
    (
        "an exception",
        facts(Exited(1), own=said("exception", detail="ValueError: x")),
        "exception",
        "ValueError: x",
    ),
    ("bad params", facts(Exited(1), own=said("bad_params", detail="lr: no")), "bad_params", "lr: no"),
    ("an exit of 0 that said it failed", facts(Exited(0), own=said("exception")), "exception", None),
    (
        "completed, but crashed at the end",
        facts(Exited(-11), own=said("completed")),
        "signal",
        "killed by SIGSEGV (11)",
    ),
    ("completed, but exit 3", facts(Exited(3), own=said("completed")), "exit_code", "exit code 3"),
    (
        "what an earlier attempt said",
        facts(Exited(1), own=said("bad_params", attempt=1)),
        "exit_code",
        "exit code 1",
    ),
    (
        "claims a reason that is not its own",
        facts(Exited(1), own=said("worker_lost")),
        "exit_code",
        "exit code 1",
    ),
    ("claims to be cancelled", facts(Exited(0), own=said("cancelled_by_user")), "completed", None),
    (
        "claims with a list",
        facts(Exited(0), own={"attempt": 2, "reason": "completed", "detail": [1]}),
        "completed",
        "[1]",
    ),
    ("a signal", facts(Exited(KILL)), "signal", "killed by SIGKILL (9)"),
    ("a signal without a name", facts(Exited(-77)), "signal", "killed by signal 77"),
    (
        "the kernel's out-of-memory killer",
        facts(Exited(KILL, out_of_memory=True)),
        "out_of_memory",
        "killed by the kernel, which had no memory left",
    ),
    ("another signal beside it", facts(Exited(-11, out_of_memory=True)), "signal", "killed by SIGSEGV (11)"),
    (
        "CUDA's words",
        facts(Exited(1), log_tail=b"epoch 3\nRuntimeError: CUDA out of memory. Tried\nbye\n"),
        "out_of_memory",
        "exit code 1; its log says: RuntimeError: CUDA out of memory. Tried",
    ),
    (
        "a full disk's words",
        facts(Exited(-6), log_tail=b"OSError: [Errno 28] No space left on device"),
        "disk_full",
        "killed by SIGABRT (6); its log says: OSError: [Errno 28] No space left on device",
    ),
    (
        "a disk so full that nothing could be said",
        facts(Exited(1, log_trouble="[Errno 28] No space left on device")),
        "disk_full",
        "exit code 1; its log could not be written: [Errno 28] No space left on device",
    ),
    (
        "a full disk for the log alone",
        facts(Exited(0, log_trouble="[Errno 28] No space left on device")),
        "completed",
        None,
    ),
    (
        "those words in a run that ended well",
        facts(Exited(0), log_tail=b"CUDA out of memory"),
        "completed",
        None,
    ),
    (
        "cancelled",
        facts(Exited(0), asked=Asked.CANCEL, own=said("completed", stopped=True)),
        "cancelled_by_user",
        None,
    ),
    ("cancelled and killed", facts(Exited(KILL), asked=Asked.CANCEL), "cancelled_by_user", None),
    ("cancelled, said nothing", facts(Exited(0), asked=Asked.CANCEL), "cancelled_by_user", None),
    (
        "cancelled, an exception over it",
        facts(Exited(1), asked=Asked.CANCEL, own=said("exception", stopped=True)),
        "cancelled_by_user",
        None,
    ),
    (
        "done before the cancel reached it",
        facts(Exited(0), asked=Asked.CANCEL, own=said("completed")),
        "completed",
        None,
    ),
    (
        "failed before the cancel reached it",
        facts(Exited(1), asked=Asked.CANCEL, own=said("exception", detail="E")),
        "exception",
        "E",
    ),
    ("too long", facts(Exited(KILL), asked=Asked.TIMEOUT, timeout_s=90.0), "timeout", "ran longer than 90 s"),
    (
        "done before the time-out",
        facts(Exited(0), asked=Asked.TIMEOUT, own=said("completed")),
        "completed",
        None,
    ),
    ("done before the drain", facts(Exited(0), asked=Asked.DRAIN, own=said("completed")), "completed", None),
    (
        "came to its end in the drain without having looked",
        facts(Exited(0), asked=Asked.DRAIN, own=said("completed", stopped=True, unheard=True)),
        "completed",
        None,
    ),
    (
        "came to its end after a cancel without having looked",
        facts(Exited(0), asked=Asked.CANCEL, own=said("completed", stopped=True, unheard=True)),
        "cancelled_by_user",
        None,
    ),
    (
        "too long, and its init had to be killed",
        facts(Lost(started=True, detail="x"), asked=Asked.TIMEOUT, timeout_s=90.0),
        "timeout",
        "ran longer than 90 s",
    ),
    (
        "the launch met a full disk",
        facts(Lost(started=False, detail="No space left", number=errno.ENOSPC)),
        "disk_full",
        "No space left",
    ),
]


@pytest.mark.parametrize(
    ("given", "reason", "detail"), [case[1:] for case in FINISHED], ids=[c[0] for c in FINISHED]
)
def test_finished(given: Facts, reason: str, detail: str | None) -> None:
    code = given.ended.status if isinstance(given.ended, Exited) else None
    assert decide(given) == Outcome(Fate.FINISH, Reason(reason), detail, code)


OTHERS = [
    (facts(Exited(0), asked=Asked.DRAIN, own=said("completed", stopped=True)), Fate.RELEASE),
    (facts(Exited(KILL), asked=Asked.DRAIN), Fate.RELEASE),
    (facts(Exited(KILL, fenced=True)), Fate.RELEASE),
    (facts(Exited(0, fenced=True), own=said("completed", stopped=True)), Fate.RELEASE),
    (facts(Lost(started=False, detail="the warm process ended")), Fate.RELEASE),
    (facts(Lost(started=False, detail="fork", number=errno.EAGAIN)), Fate.RELEASE),
    (facts(Lost(started=True, detail="its init was killed")), Fate.RECLAIM),
    (facts(Lost(started=True, detail="its init was killed"), own=said("completed")), Fate.RECLAIM),
    (facts(Exited(0), asked=Asked.LOST_LEASE, own=said("completed")), Fate.DROP),
    (facts(Lost(started=True, detail="x"), asked=Asked.LOST_LEASE), Fate.DROP),
]


@pytest.mark.parametrize(("given", "fate"), OTHERS)
def test_not_finished(given: Facts, fate: Fate) -> None:
    decided = decide(given)
    assert decided.fate is fate
    assert decided.reason is None


def test_a_fenced_run_that_was_done_is_done() -> None:
    assert decide(facts(Exited(0, fenced=True), own=said("completed"))).reason is Reason.COMPLETED


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\0b\x1b[31mred", "a b [31mred"),
        ("two\nlines\t", "two lines"),
        ("lone \ud800", "lone ?"),
        ("é 丹炉", "é 丹炉"),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_details_are_storable(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
