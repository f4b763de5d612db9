"""POST /api/v1/runs/bulk: one action on many runs."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from starlette.responses import JSONResponse, Response

from app.answers import Answer
from app.auth.deps import Principal, require
from app.clock import utcnow
from app.deps import DbDep, SettingsDep
from app.fields import Body
from app.runs import bulk
from app.runs.schemas import RunId, Tag
from app.strict import StrictRoute

router = APIRouter(prefix="/runs", tags=["runs"], route_class=StrictRoute)
Submitter = Annotated[Principal, Depends(require("submit"))]
MAX_RUNS = 5_000


class BulkAction(Body):
    """What to do, and to which runs."""

    ids: Annotated[list[RunId], Field(min_length=1, max_length=MAX_RUNS)]
    action: bulk.Action
    tag: Tag | None = Field(None, description="For tag and untag.")

    @model_validator(mode="after")
    def _tag_is_given(self) -> Self:
        if (self.tag is not None) != (self.action in {"tag", "untag"}):
            raise ValueError("tag goes with the actions tag and untag, and with no other")
        return self


class RefusedOut(Answer):
    """A run that it was not done to."""

    id: int
    error: str


class BulkOut(Answer):
    """What became of it."""

    done: list[int]
    refused: list[RefusedOut]


@router.post("/bulk", response_model=BulkOut, response_class=JSONResponse)
def act(body: BulkAction, db: DbDep, settings: SettingsDep, principal: Submitter) -> Response:
    """Cancel, tag, archive or delete many runs; each is done or refused by itself, with the reason."""
    ids = list(dict.fromkeys(body.ids))
    outcome = bulk.act(db, settings, ids, body.action, tag=body.tag, actor=principal.actor, now=utcnow())
    return JSONResponse(outcome.body())
