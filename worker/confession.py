"""What a run says of its own end: the reason of whatever a recipe raised, in `outcome.json`."""

import contextlib
import errno
import json
import os
import traceback
from pathlib import Path
from typing import Any

from app.runs.words import Reason
from danlu.recipe import CheckpointUnreadable, NonFiniteLoss
from worker.spec import OUTCOME_FILE, LaunchSpec, write_whole

_DETAIL = 1000
_OOM_TEXTS = ("out of memory", "can't allocate memory", "cannot allocate memory", "std::bad_alloc")


class DeviceMissingError(Exception):
    """The device that was chosen for the run cannot be used here."""


class BadParamsError(Exception):
    """The params do not fit the recipe, or there is no such recipe."""


class Stop:
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


def classify(error: BaseException, run_dir: Path) -> tuple[Reason, str]:
    """The reason and the one-line detail of what a recipe raised, looking through the chain of causes."""
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, DeviceMissingError):
        return Reason.BAD_DEVICE, str(error)
    if isinstance(error, BadParamsError):
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
    try:
        disk = os.statvfs(run_dir)
    except OSError:  # the run has removed its folder
        return ""
    if disk.f_files and not disk.f_favail:
        return " (no inodes are left on this disk)"
    free = disk.f_bavail * disk.f_frsize
    return f" ({free >> 20} MiB are left on this disk)" if free < 64 << 20 else ""


def write_outcome(
    spec: LaunchSpec, reason: Reason, detail: str | None, stop: Stop, *, provisional: bool = False
) -> None:
    """Write `outcome.json`: the reason, one line of detail, and whether the run was told to stop, and heard it.

    Args:
        provisional: it holds only where the run ends with an exit code before it is taken back.
    """
    text = None if detail is None else " ".join(detail.split())[:_DETAIL]
    value: dict[str, Any] = {"attempt": spec.attempt, "reason": reason, "detail": text, "stopped": stop.asked}
    value["unheard"] = reason is Reason.COMPLETED and not stop.heard
    if provisional:
        value["provisional"] = True
    with contextlib.suppress(OSError):  # a full disk: the exit code and the log remain
        write_whole(spec.run_dir / OUTCOME_FILE, json.dumps(value))


def print_traceback(error: BaseException, *ours: str) -> None:
    """The traceback from the recipe's own frame on, below those of the files `ours`."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in ours:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames or error.__traceback__)
