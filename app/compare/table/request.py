"""What `GET /table` may be asked: the query string, typed and bounded."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.fields import MAX_ID, Text

MAX_NAMED = 1_000


class TableQuery(BaseModel):
    """Filters are joined with "and"."""

    model_config = ConfigDict(extra="forbid")

    experiment: Text | None = Field(None, description="Slug of an experiment.")
    run: list[Annotated[int, Field(ge=1, le=MAX_ID)]] = Field(
        [], max_length=MAX_NAMED, description="Only these runs; one that is gone is left out."
    )
    q: Text | None = Field(None, description="A query, see docs/compare.md.")
    sort: Text = Field("-created", description="As for GET /runs.")
    archived: bool = Field(False, description="Archived runs, too.")
    only: Literal["ids"] | None = Field(None, description="ids: nothing but `ids`, in order.")
    typing: bool = Field(
        False, description="Where q cannot be read, answer 200 with `problem` (message, position) and no ids."
    )
    since: datetime | None = Field(
        None, description="`version` of an earlier answer: only runs that changed since then."
    )
