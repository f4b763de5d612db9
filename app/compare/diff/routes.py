"""GET /api/v1/compare/diff: two runs side by side."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.responses import Response

from app.auth.deps import require
from app.compare.diff import code, logs, values
from app.compare.diff.answer import DiffOut
from app.config import Settings, run_dir
from app.deps import DbDep, SettingsDep
from app.environments.record import recorded
from app.errors import Invalid, NotFound, Unavailable
from app.fields import MAX_ID
from app.runs import queries
from app.runs.logfile import log_size, read_log

router = APIRouter(prefix="/compare", tags=["runs"], dependencies=[Depends(require("read"))])
Part = Literal["values", "code", "environment", "log"]
PARTS: tuple[Part, ...] = ("values", "code", "environment", "log")
_CHUNK = 1 << 18
_slots = threading.BoundedSemaphore(2)
"""Comparisons of outputs at once: each keeps a core busy for up to a few seconds."""
_PATIENCE_S = 10.0
_Id = Annotated[int, Field(ge=1, le=MAX_ID)]


class DiffQuery(BaseModel):
    """Which runs, and which parts."""

    model_config = ConfigDict(extra="forbid")

    a: _Id = Field(description="Id of the first run.")
    b: _Id = Field(description="Id of the second one.")
    part: list[Part] = Field(
        [],
        max_length=8,
        description="Only these: values (params, settings, metrics), code (and git), environment, log.",
    )
    mask: bool = Field(False, description="In the outputs numbers, times and addresses count as equal.")


@router.get("/diff", response_model=DiffOut, response_class=Response)
def diff(query: Annotated[DiffQuery, Query()], db: DbDep, settings: SettingsDep) -> Response:
    """What two runs differ in: params, settings, metrics, code, git, environment and output; differences are b less a."""
    if query.a == query.b:
        remedy = "must be another run than a"
        raise Invalid(f"b {remedy}.", fields={"b": remedy})
    with db.read() as session:
        found = {run["id"]: run for run in queries.run_dicts(session, settings, [query.a, query.b])}
        gone = [str(run) for run in (query.a, query.b) if run not in found]
        if gone:
            raise NotFound(f"There is no run {' and no run '.join(gone)}.")
        diffs = [queries.git_diff(session, run) for run in (query.a, query.b)]
    a, b = found[query.a], found[query.b]
    folders = [run_dir(settings, run["experiment"], run["slug"]) for run in (a, b)]
    wanted = query.part or PARTS
    body: dict[str, Any] = {"a": _head(a), "b": _head(b)}
    body |= dict.fromkeys(("params", "settings", "metrics", "code", "git", "environment", "log"))
    if "values" in wanted:
        body["params"] = values.params(a["params"], b["params"])
        body["settings"] = values.settings(a, b)
        body["metrics"] = values.metrics(a["metrics"], b["metrics"])
    if "code" in wanted:
        body["code"] = _code(settings, a, b)
        body["git"] = values.git(a["git"], b["git"], diffs[0], diffs[1])
    if "environment" in wanted:
        body["environment"] = values.environment(recorded(folders[0]), recorded(folders[1]))
    if "log" in wanted:
        body["log"] = _log(folders[0], folders[1], mask=query.mask)
    return Response(to_json(body, inf_nan_mode="null"), media_type="application/json")


def _head(run: values.Json) -> values.Json:
    return {name: run[name] for name in ("id", "name", "experiment", "state", "colour", "parent")}


def _code(settings: Settings, a: values.Json, b: values.Json) -> values.Json:
    try:
        return code.compare(settings, a, b)
    except FileNotFoundError:  # removed while it was read; then it is as if it had been gone before
        return code.compare(settings, a, b)


def _log(a: Path, b: Path, *, mask: bool) -> values.Json:
    """Both outputs compared, in this request's own thread.

    Raises:
        Unavailable: too many are at it.
    """
    if not _slots.acquire(timeout=_PATIENCE_S):
        raise Unavailable("Other outputs are being compared; try again in a moment.", retry_after=5)
    try:
        found = logs.compare(logs.lines_of(_chunks(a)), logs.lines_of(_chunks(b)), mask=mask)
    finally:
        _slots.release()
    return found | {"bytes": [log_size(a), log_size(b)], "masked": mask}


def _chunks(folder: Path) -> Iterator[bytes]:
    """The output from its beginning, as far as it is looked at, with a line where bytes were dropped."""
    offset = read = 0
    while read < logs.MAX_READ:
        chunk = read_log(folder, offset, _CHUNK)
        if chunk.gap:
            yield f"{chunk.gap}\n".encode()
        if not chunk.data:
            return
        yield chunk.data
        read += len(chunk.data)
        offset = chunk.next_offset
