"""When a run is claimed, and when not: slots, the warm process, the disk, descriptors."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.disk import shortage
from app.runs import queue
from app.runs.placing import refusal
from app.runs.queue import Claimed
from app.workers.queries import live_workers
from worker.away import Politeness
from worker.devices import Device, free_devices
from worker.launch import Launcher
from worker.queries import ScriptFacts, script_facts

log = logging.getLogger(__name__)

_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
_HOPELESS_SECONDS = 1.0
_DISK_SECONDS = 1.0


@dataclass(frozen=True)
class Found:
    """A claimed run with its devices. There are none where nobody offers what it asks for; `why` says so."""

    claimed: Claimed
    devices: tuple[Device, ...]
    why: str = ""
    script: ScriptFacts = field(default_factory=ScriptFacts)


class Claimer:
    """Asks the queue for the next run that can be started here."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        worker_id: str,
        devices: list[Device],
        launcher: Launcher,
    ) -> None:
        self._settings, self._database, self._worker_id, self._launcher = (
            settings,
            database,
            worker_id,
            launcher,
        )
        self._devices = {device.device: device for device in devices}
        # Apart, because on a full disk the one works and the other does not.
        self._looks, self._claims = Politeness("looks at the queue"), Politeness("claims")
        self._failures = 0
        self._after = self._disk_at = self._hopeless_at = 0.0
        self.shortage: str | None = None
        """Why the disk allows no run now; None when it does."""

    def pause(self, why: str) -> float:
        """A run could not be started: rest, a little longer each time, up to 15 s.

        Returns:
            for how long that run should wait: longer than the rest, because the fault may be its own, and others wait.
        """
        pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1
        self._after = time.monotonic() + pause
        log.warning("runs cannot be started: %s; trying again in %g s", why, pause)
        return 2 * pause

    def started(self) -> None:
        """A run was started well."""
        self._failures = 0

    def next(self, used: Mapping[str, int]) -> Found | None:
        """Claim a run, if one can be started now.

        Args:
            used: runs on each device; one that has several GPUs counts on each of them.
        """
        now = time.monotonic()
        if now < self._after or not (self._looks.due and self._claims.due):
            return None
        free = self._free(used)
        # Without a free slot only runs are looked for that nobody can serve: they must not wait for one.
        if not free and now < self._hopeless_at:
            return None
        self._hopeless_at = now + _HOPELESS_SECONDS
        if not self._launcher.reserve():
            self.pause("no descriptors are left")
            return None
        if not self._anything_due():
            return None
        found: Found | None = None
        with self._claims.guard(), self._database.write() as session:
            claimed = queue.claim(session, self._worker_id, free, utcnow())
            if claimed is not None:
                devices = tuple(self._devices[name] for name in claimed.devices)
                found = Found(claimed, devices, script=script_facts(session, claimed.definition))
        # A claim whose commit failed is no claim; one that went through unheard is given back by the reconciliation.
        if found is None or self._claims.failing:
            return None
        return found if found.devices else Found(found.claimed, (), self._refusal(found.claimed))

    def _anything_due(self) -> bool:
        with self._looks.guard(), self._database.read() as session:
            return queue.anything_due(session, utcnow())
        return False

    def _free(self, used: Mapping[str, int]) -> list[str]:
        if time.monotonic() >= self._disk_at:
            self._disk_at = time.monotonic() + _DISK_SECONDS
            short = shortage(self._settings)
            if (short is None) != (self.shortage is None):
                log.warning("%s", f"nothing is claimed: {short}" if short else "the disk has room again")
            self.shortage = short
        if not self._launcher.warm.ready or self.shortage is not None:
            return []
        return free_devices(self._devices.values(), used)

    def _refusal(self, claimed: Claimed) -> str:
        """Why nobody can serve a run, with the devices that live workers offer, for a person."""
        offers: dict[str, list[str]] = {}
        with self._looks.guard(), self._database.read() as session:
            for worker in live_workers(session):
                names = [str(entry["device"]) for entry in worker.devices]
                offers[worker.name] = [*offers.get(worker.name, []), *names]
        return refusal(
            claimed.asked_device, claimed.processes, offers or {"this worker": list(self._devices)}
        )
