"""One attempt in the supervisor's hands: the run's folder made ready, and what is known while it lives."""

import contextlib
import hashlib
import json
import os
import platform
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import Settings, run_dir
from app.runs.logfile import tail_log
from app.runs.queue import Claimed
from app.runs.untrusted import read_object
from danlu.hparams import write_session_start
from worker.devices import Device, threads_for
from worker.launch import Exited, Handle, Lost
from worker.news import News
from worker.outcome import Asked, Facts
from worker.queries import ScriptFacts
from worker.spec import OUTCOME_FILE, STATUS_FILE, LaunchSpec

_LOG_LINES = 200
_SEED = re.compile(r"(?:(?:random|manual|rng|global)[-_]?)?seed", re.IGNORECASE)


@dataclass
class Attempt:
    """A claimed run and its process."""

    claimed: Claimed
    devices: tuple[Device, ...]
    """All that it occupies."""
    handle: Handle
    news: News
    asked: Asked | None = None
    running_since: float | None = None
    """Monotonic time at which its process was first seen."""

    @property
    def run_id(self) -> int:
        """The run's id."""
        return self.claimed.run_id

    @property
    def timeout_s(self) -> float | None:
        """The run's own limit, seconds."""
        limit = self.claimed.definition["timeout_s"]
        return None if limit is None else float(limit)

    def overdue(self) -> bool:
        """Whether it has run longer than it may."""
        if self.timeout_s is None or self.running_since is None:
            return False
        return time.monotonic() - self.running_since > self.timeout_s

    def facts(self, ended: Exited | Lost) -> Facts:
        """Everything that decides its outcome."""
        folder = self.handle.spec.run_dir
        failed = isinstance(ended, Exited) and ended.status != 0
        return Facts(
            ended,
            self.claimed.attempt,
            asked=self.asked,
            timeout_s=self.timeout_s,
            own=read_object(folder / OUTCOME_FILE),
            log_tail=tail_log(folder, _LOG_LINES).data if failed else b"",
        )


def make_ready(
    settings: Settings, claimed: Claimed, devices: tuple[Device, ...], script: ScriptFacts | None = None
) -> LaunchSpec:
    """Make the run's folder and what belongs in it, and say how the attempt is started.

    Args:
        devices: one, or a GPU for each of the run's processes.
        script: what the database knows of a script run.

    Raises:
        OSError: the folder cannot be made or written.
    """
    folder = run_dir(settings, claimed.experiment_slug, claimed.run_slug)
    (folder / ".danlu").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / STATUS_FILE).unlink(missing_ok=True)
    (folder / OUTCOME_FILE).unlink(missing_ok=True)
    definition, script = claimed.definition, script or ScriptFacts()
    snapshot = definition["snapshot"]
    code = None if snapshot is None else settings.snapshots_dir / snapshot
    if code is None or not (code / "datasets").exists():  # else the name is the script's own
        _link_datasets(settings, folder)
    if _write_once(folder / "run.json", definition):
        write_session_start(folder, definition["params"], group_name(definition))
    return LaunchSpec(
        run_id=claimed.run_id,
        attempt=claimed.attempt,
        run_dir=folder,
        recipe=definition["recipe"] or "",
        recipes_dir=settings.recipes_dir,
        params=definition["params"],
        device=devices[0].kind,
        visible_devices=",".join(device.visible for device in devices),
        seed=definition["seed"],
        threads=threads_for(devices[0], settings.threads, claimed.processes),
        processes=claimed.processes,
        env=definition["env"],
        snapshot_dir=code,
        entrypoint=definition["entrypoint"] or "",
        args=definition["args"],
        environment_name=definition["environment"],
        python=script.python,
        constants=script.constants,
        record=_known(definition, devices),
        log_limit=settings.log_limit_mib << 20,
        fence_after=settings.fence_seconds,
        fence_kill_after=settings.fence_kill_seconds,
    )


def _known(definition: dict[str, Any], devices: tuple[Device, ...]) -> dict[str, Any]:
    """What the supervisor knows of the environment: the machine, the devices, where the code came from."""
    return {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "device": devices[0].kind,
        "devices": [device.name for device in devices],
        "git": definition["git"],
    }


def group_name(definition: dict[str, Any]) -> str:
    """The same for runs that differ in their seed only: one row of TensorBoard's HPARAMS tab.

    A script's seed may be a param or stand in its arguments; the entrypoint's name is what a person sees.
    """
    what = [definition["recipe"], definition["snapshot"], definition["params"]]
    if definition["recipe"] is None:
        params = {name: value for name, value in definition["params"].items() if not _SEED.fullmatch(name)}
        args = _without_seed(definition["args"])
        what = [definition["entrypoint"], definition["snapshot"], params, args]
    name = definition["recipe"] or definition["entrypoint"] or "run"
    return f"{name} {hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]}"


def _without_seed(args: list[str]) -> list[str]:
    """A command line without `--seed 3` or `--seed=3`."""
    kept: list[str] = []
    value_follows = False
    for word in args:
        flag, equals, _ = word.partition("=")
        if value_follows:
            value_follows = False
        elif flag.startswith("-") and _SEED.fullmatch(flag.lstrip("-")):
            value_follows = not equals
        else:
            kept.append(word)
    return kept


def _link_datasets(settings: Settings, folder: Path) -> None:
    """`./datasets`, where there are any: TensorBoard walks through links, and an empty one would cost it for nothing."""
    if settings.datasets_dir.is_dir() and any(settings.datasets_dir.iterdir()):
        with contextlib.suppress(FileExistsError):
            (folder / "datasets").symlink_to(settings.datasets_dir, target_is_directory=True)


def _write_once(path: Path, value: dict[str, Any]) -> bool:
    """Write the definition, read-only and whole, unless an earlier attempt has; whether it was written."""
    if path.exists():
        return False
    new = path.with_name(".danlu") / "run.json.new"
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with open(fd, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, for its mode
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
    new.rename(path)
    return True
