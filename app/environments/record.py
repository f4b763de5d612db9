"""The environment of a run as its process has recorded it: what Python it ran in, with which packages, on what machine."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from app.answers import Answer
from app.runs.untrusted import read_object

RECORD = Path(".danlu") / "environment.json"
MAX_BYTES = 1 << 20
MAX_PACKAGES = 5000
_MAX_TEXT = 500
_TEXTS = (
    "environment", "start", "why", "python", "implementation", "executable", "torch", "cuda", "host", "system", "device",
)  # fmt: skip
_GIT = {"commit": str, "branch": str, "remote": str, "dirty": bool}
Json = dict[str, Any]


class GitOut(Answer):
    """Where the code came from."""

    commit: str | None
    branch: str | None
    remote: str | None
    dirty: bool | None = Field(description="Whether something was not committed.")


class RunEnvironmentOut(Answer):
    """What a run's process has recorded at its start; null where it could not say."""

    environment: str | None = Field(description="worker, cold, uv, shell or venv:NAME.")
    start: Literal["warm", "cold"] | None = Field(description="warm: a fork of the warm process.")
    why: str | None = Field(description="Why a run that could have started warm did not.")
    attempt: int | None
    python: str | None
    implementation: str | None
    executable: str | None
    torch: str | None
    cuda: str | None = Field(description="The version that torch was built for.")
    host: str | None
    system: str | None
    device: str | None = Field(description="cpu, cuda or mps.")
    devices: list[str] = Field(description="Their names: the GPUs, or the processor.")
    threads: int | None
    git: GitOut | None
    packages: dict[str, str] = Field(description="Versions by name.")


def recorded(folder: Path) -> Json | None:
    """The record in a run's folder; None where there is none. A script may have written anything there."""
    found = read_object(folder / RECORD, MAX_BYTES)
    if not found:
        return None
    shown: Json = {name: _text(found.get(name)) for name in _TEXTS}
    if shown["start"] not in {"warm", "cold"}:
        shown["start"] = None
    shown |= {name: _count(found.get(name)) for name in ("attempt", "threads")}
    names = found.get("devices")
    shown["devices"] = (
        [text for item in names[:64] if (text := _text(item))] if isinstance(names, list) else []
    )
    shown["git"] = _git(found.get("git"))
    packages = found.get("packages")
    shown["packages"] = _packages(packages) if isinstance(packages, dict) else {}
    return shown


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value.encode("utf-8", "replace").decode()[:_MAX_TEXT]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _git(value: object) -> Json | None:
    if not isinstance(value, dict):
        return None
    return {
        name: (
            _text(value.get(name))
            if kind is str
            else value.get(name)
            if isinstance(value.get(name), bool)
            else None
        )
        for name, kind in _GIT.items()
    }


def _packages(value: Json) -> dict[str, str]:
    some = list(value.items())[:MAX_PACKAGES]
    return {str(_text(name)): version for name, item in some if (version := _text(item)) is not None}
