"""`GET /api/v1/stream`: everything that moves on a page, over one connection per tab."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request

from app.auth.deps import require
from app.auth.principal import Principal
from app.config import Settings
from app.live.hub import Hub
from app.live.stream import EventStream, events
from app.live.topics import parse_positions, parse_topics

router = APIRouter(prefix="/api/v1", tags=["stream"])

DESCRIPTION = """Server-sent events about the topics named, comma separated, at most 64: `run:12`, `log:12`,
`metrics:12`, `experiment:slug`, `experiments`, `workers`, `queue`. The first events are the present state of each.

| event | data |
| --- | --- |
| `run` | the run, as `GET /runs/{id}` answers it |
| `metrics` | `{"run", "tags": {tag: [step, value]}}`: the last points of the tags that moved; a non-finite value is null with its name behind it; `gone`: tags that have another name by now |
| `log` | `{"run", "offset", "end", "text"}`: a piece of the output and the bytes it takes; `gap` where bytes before it were dropped |
| `experiment` | `{"slug", "runs", "states"}`: something in it changed, at most once a second |
| `experiments`, `workers` | the number of experiments; the workers |
| `queue` | `{"queued", "running", "paused"}`: something in it changed, at most once a second; `paused` as in `GET /queue` |
| `gone` | `{"run"}` or `{"experiment"}`: deleted |
| `beat` | `{"at"}`: nothing happened for 15 s |

The `id` of `log` events says where each log was left; sent back as `Last-Event-ID` (or `last_event_id` in the query) the
logs go on exactly there. Without it a log begins near its end. A stream ends within 5 s of the end of the login or token that
opened it."""


@router.get(
    "/stream",
    summary="Follow runs, metrics, logs and workers",
    description=DESCRIPTION,
    response_class=EventStream,
    status_code=200,
    responses={200: {"content": {"text/event-stream": {}}, "description": "An endless stream of events."}},
)
async def stream(
    request: Request,
    principal: Annotated[Principal, Depends(require("read"))],
    topics: Annotated[str, Query(max_length=8192, description="Comma separated topics.")] = "",
    last_event_id: Annotated[
        str | None, Query(max_length=4096, description="As the header, for a client that cannot set it.")
    ] = None,
    last_event_id_header: Annotated[str | None, Header(alias="Last-Event-ID", max_length=4096)] = None,
) -> EventStream:
    """Open a stream.

    Raises:
        Invalid: a topic that does not exist.
        Unavailable: too many streams, or the server is stopping.
    """
    hub: Hub = request.app.state.hub
    settings: Settings = request.app.state.settings
    wanted = parse_topics(topics)
    # A browser that reconnects by itself repeats the first URL, so its header is the newer of the two.
    positions = parse_positions(last_event_id_header or last_event_id)
    subscription = await hub.subscribe(wanted, request, principal)
    return EventStream(
        events(hub, settings, subscription, positions), done=lambda: hub.unsubscribe(subscription)
    )
