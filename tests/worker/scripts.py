"""What a test asks about the run of a script."""

from pathlib import Path
from typing import Any

from attempts import ended

from app.runs.logfile import LOG_NAME, tail_log
from app.runs.untrusted import read_object
from worker.launch import Exited, Handle, Launcher
from worker.outcome import Asked, Facts, decide
from worker.spec import OUTCOME_FILE


def log_of(handle: Handle) -> str:
    return (handle.spec.run_dir / LOG_NAME).read_text(encoding="utf-8")


def record_of(handle: Handle) -> dict[str, Any]:
    return read_object(handle.spec.run_dir / ".danlu" / "environment.json", 1 << 20)


def outcome(
    launcher: Launcher, handle: Handle, asked: Asked | None = None
) -> tuple[str, str | None, int | None]:
    """Reason, detail and exit code, as the supervisor decides."""
    state = ended(launcher, handle, 60)
    own = read_object(handle.spec.run_dir / OUTCOME_FILE)
    tail = tail_log(handle.spec.run_dir, 200).data
    decided = decide(Facts(state, 1, asked=asked, own=own, log_tail=tail))
    assert decided.reason is not None
    return decided.reason, decided.detail, decided.exit_code


def text_of(launcher: Launcher, handle: Handle) -> str:
    """The output of a script that must succeed and leave nothing behind."""
    state = ended(launcher, handle, 60)
    text = log_of(handle)
    assert isinstance(state, Exited)
    assert (state.status, state.left) == (0, ()), text
    return text


def kept(folder: Path) -> list[str]:
    """The files and folders of a run that are not the worker's own."""
    paths = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(str(path) for path in paths if path.parts[0] not in {".danlu", "stdout.log"})
