"""GET /api/v1/metrics: columnar series of up to 200 runs, as JSON or as an Arrow stream."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from app.auth.deps import require
from app.db import Database
from app.deps import DbDep
from app.errors import Invalid, NotFound
from app.metrics.dataserver import ScalarReader
from app.metrics.queries import RunFolder, run_folders
from app.metrics.words import MIN_POINTS, XAxis
from app.tensorboard.manager import TensorBoards

if TYPE_CHECKING:
    from app.metrics.series import Series

ARROW = "application/vnd.apache.arrow.stream"
MAX_RUNS = 200
MAX_TAGS = 200
MAX_POINTS = 100_000


@asynccontextmanager
async def _with_reader(app: FastAPI) -> AsyncIterator[None]:
    """One client of the data servers for the life of the app."""
    app.state.scalar_reader = ScalarReader()
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
    responses={200: {"content": {ARROW: {}}, "description": "The series, by run and then by tag."}},
)
def metrics(
    request: Request,
    db: DbDep,
    boards: BoardsDep,
    reader: ReaderDep,
    run: Annotated[list[int], Query(description="Id of a run; up to 200 of them.")],
    tag: Annotated[list[str] | None, Query(description="Only these tags; all without it.")] = None,
    points: Annotated[
        int,
        Query(ge=0, le=MAX_POINTS, description="At most so many points per series, 4 or more; 0 for all."),
    ] = 1000,
    x: Annotated[
        XAxis, Query(description="step, seconds since the first point, or seconds since 1970.")
    ] = "step",
) -> Response:
    """Every scalar series of these runs, thinned so that no spike is lost.

    `nonfinite` lists the points whose value is NaN or infinite (`[index, "nan"|"inf"|"-inf"]`); their `y` is null.
    `total` counts the points before thinning. In an Arrow stream there is one row per point.
    """
    if 0 < points < MIN_POINTS:
        raise Invalid("Wrong: points.", fields={"points": f"Must be 0, or from {MIN_POINTS} to {MAX_POINTS}"})
    if tag is not None and len(tag) > MAX_TAGS:
        raise Invalid("Wrong: tag.", fields={"tag": f"At most {MAX_TAGS} tags"})
    folders = _known_runs(db, run)
    from app.metrics.read import read_series  # with numpy, a tenth of the server's memory at its start

    found = read_series(boards, reader, folders, tags=tag, axis=x, at_most=points)
    if ARROW in request.headers.get("accept", ""):
        return Response(_arrow(found), media_type=ARROW)
    # pydantic's encoder: eight times as fast as json's on a hundred thousand floats.
    body = to_json({"series": [series.body() for series in found]}, inf_nan_mode="null")
    return Response(body, media_type="application/json")


@router.get("/metrics/tags", summary="Scalar tags of a run")
def tags(
    db: DbDep,
    boards: BoardsDep,
    reader: ReaderDep,
    run: Annotated[int, Query(description="Id of the run.")],
) -> dict[str, Any]:
    """Names of all scalar tags that the run has written, sorted."""
    from app.metrics.read import read_tags

    (folder,) = _known_runs(db, [run])
    return {"run": run, "items": read_tags(boards, reader, folder)}


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


def _arrow(found: Sequence["Series"]) -> bytes:
    """One record batch per series: run, tag, step, wall, x, value."""
    import pyarrow as pa  # a tenth of a second and 40 MB, for those who ask for it only

    x_type = pa.int64() if all(series.x.dtype.kind == "i" for series in found) else pa.float64()
    schema = pa.schema([
        ("run", pa.int64()), ("tag", pa.string()), ("step", pa.int64()), ("wall", pa.float64()),
        ("x", x_type), ("value", pa.float64()),
    ])  # fmt: skip
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for series in found:
            count = len(series.step)
            columns = [
                pa.repeat(pa.scalar(series.run, pa.int64()), count), pa.repeat(series.tag, count),
                pa.array(series.step), pa.array(series.wall), pa.array(series.x, x_type), pa.array(series.value),
            ]  # fmt: skip
            writer.write_batch(pa.record_batch(columns, schema=schema))
    return bytes(sink.getvalue().to_pybytes())
