"""What a submission may say, as typed keyword arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import quote

from danlu.client.records import Json, Snapshot

if TYPE_CHECKING:
    from danlu.client.run import Run


class CommonFields(TypedDict, total=False):
    """What a submission and a clone may say; None leaves one out."""

    snapshot: Snapshot | str | None
    """What `Client.upload` returned, or its id: then a script is run instead of a recipe."""
    entrypoint: str | None
    """The script in the snapshot; default: the likeliest one."""
    args: Sequence[str] | None
    """Arguments for the script's command line, as they are, behind those that `params` make."""
    environment: str | None
    """`worker` (default), `cold`, `uv`, `venv:NAME` or `shell`."""
    git: Mapping[str, Any] | None
    """`commit`, `branch`, `remote`, `dirty`, `diff`."""
    after: Run | int | None
    """Start only when this run has succeeded."""
    name: str | None
    device: str | None
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`."""
    processes: int | None
    seed: int | None
    """0 to 2^32-1; default: drawn at random and recorded."""
    priority: int | None
    """-100 to 100; higher starts earlier."""
    tags: Sequence[str] | None
    notes: str | None
    max_retries: int | None
    timeout_s: float | None
    """Seconds of training."""
    parent: Run | int | None
    env: Mapping[str, str] | None
    idempotency_key: str | None
    """Default: drawn for each call. The same key with the same fields never queues a second run."""


class RunFields(CommonFields, total=False):
    """The optional fields of a submission."""

    script: str | Path | None
    """A script on this machine, or a folder: it is uploaded as `Client.upload` does, with what git says of it."""


class RunChanges(CommonFields, total=False):
    """What a clone may have otherwise; None leaves it as it is."""

    experiment: str | None
    recipe: str | None
    params: Mapping[str, Any] | None
    """Merged into the run's own, key by key."""


def ids_of(runs: Iterable[Run | int]) -> list[int]:
    """Ids of runs that are given as objects or as ids."""
    return [run if isinstance(run, int) else run.id for run in runs]


def segment(text: str) -> str:
    """A path segment that stays one segment whatever the text holds."""
    return quote(text, safe="")


def as_body(fields: Mapping[str, Any]) -> Json:
    """The JSON body of these fields: without what is None, with ids instead of objects."""
    body = {name: value for name, value in fields.items() if value is not None and name != "idempotency_key"}
    for name in ("snapshot", "after", "parent"):
        if name in body and not isinstance(body[name], str | int):
            body[name] = body[name].id
    for name in ("params", "env", "git"):
        if name in body:
            body[name] = dict(body[name])
    for name in ("args", "tags"):
        if isinstance(body.get(name), str):
            raise TypeError(f"{name} is a list of strings, not a string: [{body[name]!r}]")
        if name in body:
            body[name] = list(body[name])
    return body
