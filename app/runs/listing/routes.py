"""GET /api/v1/query/complete: what may come next in a query."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import JSONResponse, Response

from app.answers import Answer
from app.auth.deps import require
from app.deps import DbDep
from app.fields import Text
from app.runs.listing.complete import complete

router = APIRouter(prefix="/query", tags=["runs"], dependencies=[Depends(require("read"))])


class CompletionOut(Answer):
    """One suggestion."""

    text: str = Field(description="What takes the place of the piece.")
    label: str
    kind: str = Field(description="field, param, metric or value.")
    detail: str


class CompletionsOut(Answer):
    """Suggestions for one piece of a query, from `start` up to `end` (characters from 0)."""

    items: list[CompletionOut]
    start: int
    end: int


@router.get("/complete", response_model=CompletionsOut, response_class=JSONResponse)
def completions(
    db: DbDep,
    q: Annotated[Text, Query(description="The query so far.")] = "",
    at: Annotated[int | None, Query(ge=0, le=500, description="The cursor; without it, the end.")] = None,
    experiment: Annotated[Text | None, Query(description="Slug: only names and values of its runs.")] = None,
) -> Response:
    """Names and values that fit what is being typed."""
    with db.read() as session:
        place, items = complete(session, q, min(len(q), len(q) if at is None else at), experiment)
    found = {"items": [asdict(item) for item in items], "start": place.start, "end": place.end}
    return JSONResponse(found)
