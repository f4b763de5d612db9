"""Whether the server lives, whether it can do its work, and its figures for Prometheus."""

from collections.abc import Iterable, Sequence

from fastapi import APIRouter, Depends, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.api import queries
from app.auth.deps import MARKER, require
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.deps import DbDep, SettingsDep
from app.disk import shortage
from app.migrate import is_current
from app.queue.store import paused

Sample = tuple[dict[str, str], float]


async def anyone() -> None:
    """Marks a route that anyone may call and that must answer without a thread or the database."""


setattr(anyone, MARKER, "public")
router = APIRouter(tags=["health"])


@router.get("/healthz", dependencies=[Depends(anyone)], response_class=JSONResponse)
async def healthz() -> Response:
    """The process lives and serves."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", dependencies=[Depends(anyone)], response_class=JSONResponse)
def readyz(db: DbDep, settings: SettingsDep) -> Response:
    """Ready to run something: the database is migrated and a worker is registered. 503 says what is missing."""
    missing = _missing(db, settings)
    if missing:
        body = {"error": "unavailable", "detail": "; ".join(missing), "missing": missing}
        return JSONResponse(body, 503, {"Retry-After": "2"})
    return JSONResponse({"status": "ready"})


def _missing(db: Database, settings: Settings) -> list[str]:
    try:
        if not is_current(db):
            return ["the database is not migrated"]
        with db.read() as session:
            workers = queries.worker_dicts(session, settings, utcnow())
            recipes = queries.recipe_dicts(session)
    except SQLAlchemyError:
        return ["the database cannot be reached"]
    if not any(worker["live"] and worker["state"] == "up" for worker in workers):
        return ["no worker is up; start one with `danlu worker`"]
    return [] if recipes else ["the worker has not published its recipes yet"]


@router.get("/metrics/prometheus", dependencies=[Depends(require("read"))], response_class=PlainTextResponse)
def prometheus(db: DbDep, settings: SettingsDep, request: Request) -> Response:
    """Figures in Prometheus' text format; scrape with a token of scope read."""
    with db.read() as session:
        runs = queries.runs_by_state(session)
        workers = queries.worker_dicts(session, settings, utcnow())
        experiments = queries.experiment_count(session)
        pause = paused(session)
    live = [worker for worker in workers if worker["live"]]
    up = sum(worker["state"] == "up" for worker in live)
    slots = [
        ({"device": device["device"]}, float(device["slots"])) for item in live for device in item["devices"]
    ]
    boards = [status.state.value for status in request.app.state.tensorboards.statuses().values()]
    lines = [
        *_family("danlu_runs", "gauge", "Runs by state.", [({"state": s}, n) for s, n in runs.items()]),
        *_family("danlu_experiments", "gauge", "Experiments.", [({}, experiments)]),
        *_family(
            "danlu_workers",
            "gauge",
            "Live workers by state.",
            [({"state": "up"}, up), ({"state": "draining"}, len(live) - up)],
        ),
        *_family("danlu_slots", "gauge", "Slots of the live workers by device.", _summed(slots)),
        *_family(
            "danlu_tensorboards",
            "gauge",
            "TensorBoards by state.",
            _summed([({"state": s}, 1.0) for s in boards]),
        ),
        *_family(
            "danlu_disk_low",
            "gauge",
            "1 while the disk is below its floor.",
            [({}, shortage(settings) is not None)],
        ),
        *_family(
            "danlu_queue_paused",
            "gauge",
            "1 while the queue is paused and no run starts.",
            [({}, pause is not None)],
        ),
        *_requests(request),
    ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")


def _requests(request: Request) -> Iterable[str]:
    counts = getattr(request.app.state, "traffic", None)
    if counts is None:
        return
    rows = counts.read()
    labels = [{"method": m, "route": r, "status": str(s)} for (m, r, s), _, _ in rows]
    totals = [(label, float(row[1])) for label, row in zip(labels, rows, strict=True)]
    seconds = [(label, row[2]) for label, row in zip(labels, rows, strict=True)]
    yield from _family("danlu_http_requests_total", "counter", "Requests.", totals)
    yield from _family(
        "danlu_http_request_seconds_total", "counter", "Seconds until the answer began.", seconds
    )


def _family(name: str, kind: str, text: str, samples: Sequence[Sample]) -> Iterable[str]:
    """One metric with its samples, as lines of the text format."""
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        yield f"{name}{{{inner}}} {float(value):.12g}" if inner else f"{name} {float(value):.12g}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _summed(samples: Iterable[Sample]) -> list[Sample]:
    """Samples with equal labels added up."""
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, value in samples:
        key = tuple(sorted(labels.items()))
        sums[key] = sums.get(key, 0) + value
    return [(dict(key), value) for key, value in sorted(sums.items())]
