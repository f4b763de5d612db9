"""Why a queued run is not running yet, in words. Pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.clock import rfc3339
from app.models import Run
from app.runs.placing import gpus, needs, place
from app.runs.words import RunState

_NAMED = 2
"""Runs that are named where a device is busy; the others are counted."""
_NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where a queued run stands.

    Attributes:
        position: 1 is next.
        reason: why it waits, as a sentence's end.
    """

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A run that holds devices of a worker; `device` is the first of them."""

    id: int
    name: str
    device: str
    processes: int = 1

    def __str__(self) -> str:
        name = self.name if len(self.name) <= _NAME_LENGTH else self.name[: _NAME_LENGTH - 1] + "…"
        return f"#{self.id} {name}"


@dataclass(frozen=True, slots=True)
class Offer:
    """What one live worker has.

    Attributes:
        devices: as published: `[{"device", "name", "slots"}]`.
        draining: it takes no new runs.
        runs: what it runs now.
    """

    name: str
    devices: Sequence[dict[str, Any]]
    draining: bool
    runs: Sequence[Busy] = ()

    @property
    def here(self) -> list[str]:
        """The devices that take runs, free or not."""
        return [str(device["device"]) for device in self.devices if device.get("slots", 1)]

    def holders(self) -> dict[str, list[Busy]]:
        """Which runs are on which device."""
        held: defaultdict[str, list[Busy]] = defaultdict(list)
        slots = {str(device["device"]): device.get("slots", 1) for device in self.devices}
        for run in sorted(self.runs, key=lambda run: run.processes):
            held[run.device].append(run)
            if run.device in (cards := gpus(self.here)):
                # Only its first GPU is on record; the others are those behind it that are left, see `placing.place`.
                start = cards.index(run.device)
                rest = [card for card in cards[start + 1 :] + cards[:start] if len(held[card]) < slots[card]]
                for card in rest[: run.processes - 1]:
                    held[card].append(run)
        return held


@dataclass(frozen=True, slots=True)
class Facts:
    """What all queued runs have in common.

    Attributes:
        now: for runs that wait before their next attempt.
        offers: the live workers.
        paused_by: who paused the queue; None while it is not.
        disk: what is wrong with the disk; None when there is room.
        unmet: ids of the runs that others are to follow and that have not succeeded yet.
    """

    now: datetime
    offers: Sequence[Offer] = ()
    paused_by: str | None = None
    disk: str | None = None
    unmet: AbstractSet[int] = field(default_factory=frozenset)


def waiting_reason(run: Run, position: int, facts: Facts) -> str:
    """Why a queued run is not running yet, the strongest reason first; empty where it is not queued.

    Args:
        run: any run.
        position: 1 is next.
        facts: the state of everything else.
    """
    if run.state != RunState.QUEUED:
        return ""
    stopped = f"the queue is paused by {facts.paused_by}" if facts.paused_by is not None else ""
    if run.after_id in facts.unmet:
        return f"waits for run #{run.after_id}" + (f"; {stopped}" if stopped else "")
    taking = [offer for offer in facts.offers if not offer.draining]
    if stopped or not taking:
        return stopped or ("the worker is shutting down" if facts.offers else "no worker is up")
    places = [place(run.device, run.processes, offer.here, offer.here) for offer in taking]
    if not any(places):
        available = ", ".join(sorted({device for offer in taking for device in offer.here})) or "nothing"
        return f"needs {needs(run.device, run.processes)}; available: {available}"
    if facts.disk:
        return facts.disk
    if run.not_before and run.not_before > facts.now:
        return f"is tried again at {rfc3339(run.not_before)}"
    able = [offer for offer, taken in zip(taking, places, strict=True) if taken]
    together = all(len(taken) > 1 for taken in places if taken)
    return _in_line(run, position, able, together=together)


def _in_line(run: Run, position: int, able: Sequence[Offer], *, together: bool) -> str:
    """What stands before a run that nothing but others keeps from running."""
    ahead = f"{position - 1} ahead of you" if position > 1 else "next"
    busy = _in_the_way(run, able)
    if together:
        waits = f"waits for {run.processes} free GPUs of one worker"
        return f"{ahead}; {waits}, busy with {_listed(busy)}" if busy else f"{ahead}; {waits}"
    if not busy:
        return ahead if position > 1 else f"{ahead}; a worker takes it in a moment"
    if run.device == "auto":
        return f"{ahead}; all slots are busy with {_listed(busy)}"
    return f"{ahead}; needs {run.device}, busy with {_listed(busy)}"


def _in_the_way(run: Run, able: Iterable[Offer]) -> list[Busy]:
    """The runs on the devices that it could have; none where it could start at once."""
    found: dict[int, Busy] = {}
    for offer in able:
        held = offer.holders()
        slots = {str(device["device"]): device.get("slots", 1) for device in offer.devices}
        free = [device for device in offer.here if len(held[device]) < slots[device]]
        if place(run.device, run.processes, free, offer.here):
            return []
        for device in _candidates(run, offer.here):
            found |= {busy.id: busy for busy in held[device]}
    return list(found.values())


def _candidates(run: Run, here: Sequence[str]) -> Sequence[str]:
    """The devices of a worker that the run could get."""
    if run.device == "auto" and run.processes == 1:
        return here
    wanted = place(run.device, run.processes, here, here)
    return gpus(here) if len(wanted) > 1 or run.device == "cuda" else wanted


def _listed(busy: Sequence[Busy]) -> str:
    """Such as `#17 rings, #18 digits and 3 others`."""
    shown = [str(run) for run in busy[:_NAMED]]
    more = len(busy) - len(shown)
    if more:
        shown.append(f"{more} other{'s' if more > 1 else ''}")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
