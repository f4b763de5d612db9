"""Inside the run process: builds what a recipe gets, runs it, and writes down how it ended.

Exit codes: 0 the recipe returned, 1 it failed (`outcome.json` says how), else what it gave to `sys.exit`.
"""

import atexit
import contextlib
import errno
import faulthandler
import io
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.runs.words import Reason
from danlu.recipe import CheckpointUnreadable, NonFiniteLoss, Recipe, RunContext, load_recipes
from worker.spec import OUTCOME_FILE, RECIPE_MODULES, STATUS_FILE, LaunchSpec, write_whole

_STATUS_SECONDS = 0.25
_DETAIL = 1000
_OOM_TEXTS = ("out of memory", "can't allocate memory", "cannot allocate memory", "std::bad_alloc")


class _DeviceMissingError(Exception):
    """The device that was chosen for the run cannot be used here."""


class _BadParamsError(Exception):
    """The params do not fit the recipe, or there is no such recipe."""


def main(spec: LaunchSpec) -> int:
    """Run the attempt in this process and return its exit code."""
    _open_output()
    faulthandler.enable()  # a segfault leaves its Python stack in the log
    stop = _Stop()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.ask())
    status = Status(spec.run_dir)
    (spec.run_dir / OUTCOME_FILE).unlink(missing_ok=True)
    try:
        code = _run(spec, status, stop)
    finally:
        status.flush()
    return _leave(code)


class _Stop:
    """Whether the run was asked to stop, and whether it has taken notice."""

    def __init__(self) -> None:
        self.asked = self.heard = False

    def ask(self) -> None:
        """SIGTERM has come."""
        self.asked = True

    def look(self) -> bool:
        """The recipe wants to know."""
        self.heard = self.heard or self.asked
        return self.asked


def _run(spec: LaunchSpec, status: "Status", stop: _Stop) -> int:
    context = RunContext(
        id=spec.run_id,
        dir=spec.run_dir,
        device=spec.device,
        seed=spec.seed,
        attempt=spec.attempt,
        report=status.update,
        stop=stop.look,
    )
    try:
        try:
            recipe = _find(spec)
            _prepare_torch(spec)
            params = _validated(recipe, spec.params)
            status.update({"phase": "training"})
            recipe.func(params, context)
        finally:
            context.close()
    except SystemExit as leaving:
        if leaving.code is None or leaving.code == 0:
            _write_outcome(spec, Reason.COMPLETED, None, stop)
            return 0
        if isinstance(leaving.code, int):
            return leaving.code & 0xFF or 1
        print(leaving.code, file=sys.stderr)  # noqa: T201 - what Python does with sys.exit("text")
        return 1
    except BaseException as error:  # noqa: BLE001 - a recipe may raise anything at all
        if not isinstance(error, _DeviceMissingError | _BadParamsError):
            _print_traceback(error)
        else:
            print(f"danlu: {error}", file=sys.stderr)  # noqa: T201 - the run's own log
        _write_outcome(spec, *classify(error, spec.run_dir), stop)
        return 1
    _write_outcome(spec, Reason.COMPLETED, None, stop)
    return 0


def _find(spec: LaunchSpec) -> Recipe:
    folder = spec.recipes_dir if spec.recipes_dir.is_dir() else None
    if folder is not None:
        sys.path.append(str(folder))  # for helpers that lie beside the recipes
    recipes, errors = load_recipes(folder, RECIPE_MODULES)
    if spec.recipe in recipes:
        return recipes[spec.recipe]
    trouble = "".join(f"; {where}: {text}" for where, text in errors.items())
    raise _BadParamsError(
        f"this worker has no recipe named {spec.recipe!r}; it has {', '.join(recipes)}{trouble}"
    )


def _validated(recipe: Recipe, params: Mapping[str, Any]) -> Any:
    try:
        return recipe.validate(params)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise _BadParamsError("; ".join(lines)) from error


def _prepare_torch(spec: LaunchSpec) -> None:
    """Threads, seeds and the device, in that order: nothing of it may happen before the fork."""
    import numpy as np
    import threadpoolctl  # type: ignore[import-untyped] # comes with scikit-learn
    import torch

    torch.set_num_threads(spec.threads)
    threadpoolctl.threadpool_limits(spec.threads, user_api="blas")  # numpy's, held to one until the fork
    random.seed(spec.seed)
    np.random.seed(spec.seed)  # for code that uses the global generator
    torch.manual_seed(spec.seed)
    if spec.device == "cuda" and not torch.cuda.is_available():
        raise _DeviceMissingError(
            f"torch {torch.__version__} cannot use the GPU {spec.visible_devices} on this machine; there is: cpu"
        )
    if spec.device == "mps" and not torch.backends.mps.is_available():
        raise _DeviceMissingError("torch cannot use mps on this machine; there is: cpu")


class Status:
    """Writes `status.json`, at most four times a second; a full disk costs the news, never the run."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / STATUS_FILE
        self._values: dict[str, int | str | None] = {}
        self._written_at = float("-inf")
        self._dirty = False
        self._quiet = False

    def update(self, update: Mapping[str, int | str | None]) -> None:
        """Take over what is not None. A new phase is written at once."""
        news = {name: value for name, value in update.items() if value is not None}
        phase = "phase" in news and news["phase"] != self._values.get("phase")
        self._values.update(news)
        self._dirty = True
        if phase or time.monotonic() - self._written_at >= _STATUS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has not been written yet."""
        if not self._dirty:
            return
        self._written_at = time.monotonic()
        try:
            write_whole(self._path, json.dumps(self._values))
            self._dirty = False
        except OSError as error:
            if not self._quiet:
                print(f"danlu: progress cannot be written: {error}", file=sys.stderr)  # noqa: T201
            self._quiet = True


def classify(error: BaseException, run_dir: Path) -> tuple[Reason, str]:
    """The reason and the one-line detail of what a recipe raised, looking through the chain of causes."""
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, _DeviceMissingError):
        return Reason.BAD_DEVICE, str(error)
    if isinstance(error, _BadParamsError):
        return Reason.BAD_PARAMS, str(error)
    for link in _chain(error):
        if isinstance(link, NonFiniteLoss):
            return Reason.NON_FINITE_LOSS, str(link)
        if isinstance(link, CheckpointUnreadable):
            return Reason.CHECKPOINT_UNREADABLE, str(link)
        if isinstance(link, OSError) and link.errno in {errno.ENOSPC, errno.EDQUOT}:
            return Reason.DISK_FULL, f"{detail}{_disk_note(run_dir)}"
        if _is_out_of_memory(link):
            return Reason.OUT_OF_MEMORY, detail
        if "PytorchStreamWriter failed" in str(link) and _disk_note(run_dir):  # torch.save hides the errno
            return Reason.DISK_FULL, f"{detail}{_disk_note(run_dir)}"
    return Reason.EXCEPTION, detail


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links and len(links) < 20:
        links.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return links


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _OOM_TEXTS)


def _disk_note(run_dir: Path) -> str:
    """What is used up on the disk; empty when there is room."""
    disk = os.statvfs(run_dir)
    if disk.f_files and not disk.f_favail:
        return " (no inodes are left on this disk)"
    free = disk.f_bavail * disk.f_frsize
    return f" ({free >> 20} MiB are left on this disk)" if free < 64 << 20 else ""


def _write_outcome(spec: LaunchSpec, reason: Reason, detail: str | None, stop: _Stop) -> None:
    text = None if detail is None else " ".join(detail.split())[:_DETAIL]
    value: dict[str, Any] = {"attempt": spec.attempt, "reason": reason, "detail": text, "stopped": stop.asked}
    value["unheard"] = reason is Reason.COMPLETED and not stop.heard
    with contextlib.suppress(OSError):  # a full disk: the exit code and the log remain
        write_whole(spec.run_dir / OUTCOME_FILE, json.dumps(value))


def _print_traceback(error: BaseException) -> None:
    """The traceback from the recipe's own frame on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames or error.__traceback__)


class _WholeWrites(io.FileIO):
    """Unbuffered, as `python -u`, but a signal in the middle of a long write does not lose the rest."""

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += super().write(view[done:]) or 0
        return done


def _open_output() -> None:
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the life of the process
    for name, fd in (("stdout", 1), ("stderr", 2)):
        raw = _WholeWrites(fd, "w", closefd=False)
        stream = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _leave(code: int) -> int:
    """What Python does at its end, except for tearing down modules: torch's teardown may crash a run that succeeded."""
    try:
        for thread in threading.enumerate():  # the recipe's own, which a script would wait for as well
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()  # noqa: SLF001
    except BaseException:  # noqa: BLE001 - the run's result stands already
        traceback.print_exc()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code
