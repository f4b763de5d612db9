"""GET /api/v1/media…: images, figures, histograms, texts and graphs of runs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import Field
from pydantic_core import to_json
from starlette.responses import Response

from app.answers import Answer
from app.auth.deps import require
from app.db import Database
from app.deps import DbDep
from app.errors import Invalid, NotFound, UnsupportedMedia
from app.metrics.graphs import graph_nodes
from app.metrics.mediareader import Kind, MediaReader
from app.metrics.queries import RunFolder, run_folders
from app.metrics.routes import BoardsDep

MAX_RUNS = 50
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""By what an image begins with. Anything else (an SVG, a page) could run in the reader's browser and is not sent."""
BLOB_HEADERS = {
    # The address names the moment at which it was logged, so what is there never changes.
    "Cache-Control": "private, max-age=604800, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "inline",
}


@asynccontextmanager
async def _with_reader(app: FastAPI) -> AsyncIterator[None]:
    """One client of the data servers for the life of the app."""
    app.state.media_reader = MediaReader()
    try:
        yield
    finally:
        app.state.media_reader.close()


router = APIRouter(
    prefix="/api/v1/media", tags=["metrics"], dependencies=[Depends(require("read"))], lifespan=_with_reader
)


async def _reader(request: Request) -> MediaReader:
    reader: MediaReader = request.app.state.media_reader
    return reader


ReaderDep = Annotated[MediaReader, Depends(_reader)]
RunsQuery = Annotated[list[int], Query(description=f"Id of a run; up to {MAX_RUNS} of them.")]
RunQuery = Annotated[int, Query(description="Id of the run.")]
KeyQuery = Annotated[str, Query(max_length=4096, description="One of `keys` of GET /media.")]


class MediaTagOut(Answer):
    """A tag of one kind."""

    kind: Kind
    tag: str
    runs: list[int] = Field(description="Runs that have it.")
    last: int = Field(description="Its last step in any of them.")


class MediaTagsOut(Answer):
    """By kind and name."""

    items: list[MediaTagOut]


class LoggedOut(Answer):
    """What was logged at one step."""

    step: int
    wall: float | None = Field(
        description="Seconds since 1970; null where a script made one up that is none."
    )
    keys: list[str] = Field([], description="Images and graphs: what GET /media/blob takes.")
    bins: list[tuple[float, float, float]] = Field([], description="Histograms: left, right, count.")
    texts: list[str] = Field([], description="Texts, as they were written.")
    cut: bool = Field(False, description="A text is longer, or there are more, than is shown.")


class RunMediaOut(Answer):
    """One run's; steps ascending."""

    run: int
    items: list[LoggedOut]
    sampled: bool = Field(
        description="It may have logged more steps than the data server keeps: 50, of texts 100."
    )


class MediaOut(Answer):
    """In the order of the runs."""

    kind: Kind
    tag: str
    runs: list[RunMediaOut]


class GraphOut(Answer):
    """Nodes of a graph."""

    nodes: list[tuple[str, str, list[str]]] = Field(description="Name, operation, inputs.")
    total: int = Field(description="How many there are; up to 20,000 are listed.")


@router.get("/tags", response_model=MediaTagsOut)
def media_tags(db: DbDep, boards: BoardsDep, reader: ReaderDep, run: RunsQuery) -> dict[str, Any]:
    """Tags of images, histograms, texts and graphs that any of these runs has logged."""
    from app.metrics.media import read_media_tags

    return {"items": [asdict(tag) for tag in read_media_tags(boards, reader, _known_runs(db, run))]}


@router.get("", response_model=MediaOut, response_class=Response)
def media(
    db: DbDep,
    boards: BoardsDep,
    reader: ReaderDep,
    run: RunsQuery,
    tag: Annotated[str, Query(min_length=1, max_length=1000, description="A tag.")],
    kind: Annotated[Literal["images", "histograms", "text", "graph"], Query(description="Its kind.")],
) -> Response:
    """All that these runs have logged under one tag: references of images and graphs, and histograms and texts whole."""
    from app.metrics.media import read_media

    found = read_media(boards, reader, _known_runs(db, run), kind, tag)
    body = {"kind": kind, "tag": tag, "runs": [asdict(one) for one in found]}
    return Response(to_json(body, inf_nan_mode="null"), media_type="application/json")


@router.get(
    "/blob",
    response_class=Response,
    responses={200: {"content": {name: {} for name in sorted(set(SIGNATURES.values()))}}},
)
def blob(
    db: DbDep,
    boards: BoardsDep,
    reader: ReaderDep,
    run: RunQuery,
    key: KeyQuery,
    v: Annotated[
        str, Query(max_length=40, description="`wall` of what it belongs to, so that it may be kept.")
    ] = "",
) -> Response:
    """An image. PNG, JPEG and GIF only, told by their first bytes; with `v` a browser keeps it for a week."""
    from app.metrics.media import read_blob

    (folder,) = _known_runs(db, [run])
    data = read_blob(boards, reader, folder, key)
    for start, media_type in SIGNATURES.items():
        if data.startswith(start):
            headers = BLOB_HEADERS if v else BLOB_HEADERS | {"Cache-Control": "private, no-cache"}
            return Response(data, headers=headers, media_type=media_type)
    raise UnsupportedMedia("This is neither a PNG nor a JPEG nor a GIF; TensorBoard may show it.")


@router.get("/graph", response_model=GraphOut)
def graph(db: DbDep, boards: BoardsDep, reader: ReaderDep, run: RunQuery, key: KeyQuery) -> dict[str, Any]:
    """Nodes of a graph, whose names have a slash between the levels."""
    from app.metrics.media import read_blob

    (folder,) = _known_runs(db, [run])
    return graph_nodes(read_blob(boards, reader, folder, key))


def _known_runs(db: Database, ids: Sequence[int]) -> list[RunFolder]:
    """The runs in the order asked for, each once; those that are gone are left out, unless all are."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MAX_RUNS:
        raise Invalid("Wrong: run.", fields={"run": f"At most {MAX_RUNS} runs"})
    with db.read() as session:
        known = run_folders(session, wanted)
    if not known:
        raise NotFound(f"There is no run {', '.join(map(str, wanted[:5]))}.")
    return [known[number] for number in wanted if number in known]
