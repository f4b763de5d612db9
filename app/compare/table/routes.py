"""GET /api/v1/table: the rows of the workbench, all at once."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic_core import to_json
from starlette.responses import Response

from app.auth.deps import require
from app.clock import utcnow
from app.compare.table import answer, queries
from app.compare.table.answer import TableOut
from app.compare.table.cache import Bodies, Held
from app.compare.table.patch import patched
from app.compare.table.request import TableQuery
from app.db import Database, ReadSession
from app.deps import DbDep
from app.runs.listing.compiled import BadQuery


@asynccontextmanager
async def _with_bodies(app: FastAPI) -> AsyncIterator[None]:
    """The answers that are kept, for the life of the app."""
    app.state.table_bodies = Bodies()
    yield


router = APIRouter(
    prefix="/table", tags=["runs"], dependencies=[Depends(require("read"))], lifespan=_with_bodies
)
HEADERS = {"Cache-Control": "private, no-cache"}
"""A browser may keep the answer for itself, and asks each time whether it still holds."""


@router.get("", response_model=TableOut, response_class=Response)
def table(request: Request, query: Annotated[TableQuery, Query()], db: DbDep) -> Response:
    """Every chosen run in columns, with its metric summaries; 304 for an `If-None-Match` that still holds."""
    try:
        return _answer(request, query, db)
    except BadQuery as error:
        if not query.typing:
            raise
        problem = {"message": str((error.fields or {})["q"]), "position": error.position}
        return Response(to_json({"problem": problem}), media_type="application/json")


def _answer(request: Request, query: TableQuery, db: Database) -> Response:
    now = utcnow()
    if query.only == "ids":
        # asked anew with every letter that is typed: one statement
        with db.read() as session:
            found = queries.ids(session, query, now)
        return Response(to_json({"total": len(found), "ids": found}), media_type="application/json")
    with db.read() as session:
        mark = queries.mark(session, query, now)
        tag = _etag(mark, request.url.query)
        headers = HEADERS | {"ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        bodies: Bodies = request.app.state.table_bodies
        if (held := bodies.get(tag)) is not None:
            return Response(held, media_type="application/json", headers=headers)
        asked = request.url.query
        body = _patched(session, query, now, mark, bodies.latest(asked))
        if body is None:
            names, rows = queries.core_rows(session, query, now)
            metrics = queries.summaries(session, query, now)
            body = answer.body(mark, names, rows, metrics)
    bodies.put(tag, Held(asked, mark.newest, body))
    return Response(body, media_type="application/json", headers=headers)


def _patched(
    session: ReadSession, query: TableQuery, now: datetime, mark: queries.Mark, held: Held | None
) -> bytes | None:
    """The answer out of an earlier one and what has changed since; None where that cannot be."""
    if held is None or held.newest is None or query.since is not None:
        return None
    ids = queries.ids(session, query, now)
    changed = query.model_copy(update={"since": held.newest})
    names, rows = queries.core_rows(session, changed, now)
    return patched(held.body, mark, ids, names, rows, queries.summaries(session, changed, now))


def _etag(mark: queries.Mark, asked: str) -> str:
    text = f"{mark.runs} {mark.version} {mark.total_ms} {asked}"
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
