"""What `GET /compare/seeds` may be asked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.compare.seeds.statistics import Test
from app.fields import MAX_ID, Text

MAX_NAMED = 1_000
Id = Annotated[int, Field(ge=1, le=MAX_ID)]


class SeedsQuery(BaseModel):
    """Which runs, which number of them, and which two groups."""

    model_config = ConfigDict(extra="forbid")

    experiment: Text | None = Field(None, description="Slug of an experiment.")
    run: list[Id] = Field(
        [], max_length=MAX_NAMED, description="Only these runs; one that is gone is left out."
    )
    q: Text | None = Field(None, description="A query, see docs/compare.md.")
    archived: bool = Field(False, description="Archived runs, too.")
    metric: Text | None = Field(None, description="Tag of a scalar; without it the one that most runs have.")
    value: Literal["last", "min", "max"] = Field("last", description="Which number of the curve.")
    a: Id | None = Field(None, description="A run of the first of two groups to compare.")
    b: Id | None = Field(None, description="A run of the second one.")
    test: Test = Field("welch", description="Which test compares them.")
