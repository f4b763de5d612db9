"""GET /api/v1/metrics: columnar series of up to 200 runs, as JSON, as an Arrow stream or as columns for our pages."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.responses import Response

from app.auth.deps import require
from app.db import Database
from app.deps import DbDep
from app.errors import Invalid, NotFound
from app.metrics.answers import answer
from app.metrics.asked import ARROW, COLUMNS, MAX_POINTS, MAX_TAGS, Form, check_tags, form_of, window
from app.metrics.dataserver import ScalarReader
from app.metrics.order import in_order
from app.metrics.queries import RunFolder, run_folders
from app.metrics.words import XAxis
from app.tensorboard.manager import TensorBoards

MAX_RUNS = 200


@asynccontextmanager
async def _with_reader(app: FastAPI) -> AsyncIterator[None]:
    """One client of the data servers for the life of the app."""
    app.state.scalar_reader = ScalarReader(app.state.settings.metrics_cache_mib * 2**20)
    try:
        yield
    finally:
        app.state.scalar_reader.close()


router = APIRouter(
    prefix="/api/v1", tags=["metrics"], dependencies=[Depends(require("read"))], lifespan=_with_reader
)


# async: without a thread of their own these cost nothing.
async def _boards(request: Request) -> TensorBoards:
    boards: TensorBoards = request.app.state.tensorboards
    return boards


async def _reader(request: Request) -> ScalarReader:
    reader: ScalarReader = request.app.state.scalar_reader
    return reader


BoardsDep = Annotated[TensorBoards, Depends(_boards)]
ReaderDep = Annotated[ScalarReader, Depends(_reader)]


@router.get(
    "/metrics",
    summary="Scalar series of runs",
    responses={
        200: {"content": {ARROW: {}, COLUMNS: {}}, "description": "The series, by run and then by tag."}
    },
)
def metrics(
    request: Request,
    db: DbDep,
    boards: BoardsDep,
    reader: ReaderDep,
    run: Annotated[list[int], Query(description="Id of a run; up to 200 of them.")],
    *,
    tag: Annotated[list[str] | None, Query(description="Only these tags; all without it.")] = None,
    first: Annotated[
        int | None,
        Query(
            ge=1,
            le=MAX_TAGS,
            description="Only so many tags, the first ones of a page; `all` names every tag.",
        ),
    ] = None,
    points: Annotated[
        int,
        Query(ge=0, le=MAX_POINTS, description="At most so many points per series, 4 or more; 0 for all."),
    ] = 1000,
    x: Annotated[
        XAxis,
        Query(
            description="step, seconds since the first point, seconds since 1970, or epoch as the run logged it."
        ),
    ] = "step",
    low: Annotated[
        float | None, Query(alias="from", allow_inf_nan=False, description="Only points from this x on.")
    ] = None,
    high: Annotated[
        float | None, Query(alias="to", allow_inf_nan=False, description="Only points up to this x.")
    ] = None,
    since: Annotated[
        list[str] | None,
        Query(description="Only points after a step: STEP for every run, ID:STEP for one."),
    ] = None,
    form: Annotated[Form | None, Query(alias="format", description="Instead of an Accept header.")] = None,
) -> Response:
    """Every scalar series of these runs, thinned so that no spike is lost.

    `nonfinite` lists the points whose value is NaN or infinite (`[index, "nan"|"inf"|"-inf"]`); their `y` is null.
    `total` counts the points before thinning. `settled` is true when nothing comes before the runs write again. With
    `since`, `before` counts the points up to that step and `anchor` is the wall time of the last of them. In an Arrow
    stream there is one row per point.
    """
    check_tags(tag)
    wanted = window(run, points, low, high, since)
    folders = _known_runs(db, run)
    from app.metrics import read  # with numpy, a tenth of the server's memory at its start

    more: dict[str, object] = {}
    if first is not None:
        known = read.read_tags(boards, reader, folders)
        more["all"] = every = in_order(name for names in known.of.values() for name in names)
        tag = [name for name in every if tag is None or name in tag][:first]
    reading = read.read_series(boards, reader, folders, tags=tag, axis=x, window=wanted)
    more["settled"] = reading.settled
    return answer(request, reading.series, form_of(form, request.headers.get("accept", "")), more)


@router.get("/metrics/tags", summary="Scalar tags of a run")
def tags(
    db: DbDep,
    boards: BoardsDep,
    reader: ReaderDep,
    run: Annotated[int, Query(description="Id of the run.")],
) -> dict[str, Any]:
    """Names of all scalar tags that the run has written, sorted."""
    from app.metrics.read import read_tags

    known = read_tags(boards, reader, _known_runs(db, [run]))
    return {"run": run, "items": known.of[run]}


def _known_runs(db: Database, ids: Sequence[int]) -> list[RunFolder]:
    """The runs in the order asked for, each once. The session is closed before anything waits on a child."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MAX_RUNS:
        raise Invalid("Wrong: run.", fields={"run": f"At most {MAX_RUNS} runs"})
    with db.read() as session:
        known = run_folders(session, wanted)
    missing = [str(number) for number in wanted if number not in known]
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise NotFound(f"There is no run {shown}.")
    return [known[number] for number in wanted]
