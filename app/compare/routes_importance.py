"""GET /api/v1/compare/importance: which params a metric depends on."""

import math
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from app.answers import Answer
from app.auth.deps import require
from app.clock import utcnow
from app.compare import queries
from app.compare.importance import importance
from app.compare.table.queries import ids, mark
from app.compare.table.request import MAX_NAMED, TableQuery
from app.deps import DbDep
from app.errors import Invalid
from app.fields import MAX_ID, Text

router = APIRouter(prefix="/compare", tags=["runs"], dependencies=[Depends(require("read"))])
MAX_RUNS = 2_000
"""The newest of more runs are weighed: a forest of them takes a few seconds."""


class ImportanceQuery(BaseModel):
    """Of which runs, and of which metric."""

    model_config = ConfigDict(extra="forbid")

    metric: Text = Field(description="A tag, such as loss/val.")
    summary: Literal["last", "min", "max"] = Field("last", description="Which value of the metric.")
    goal: Literal["min", "max"] = Field("min", description="Whether a small or a large value is better.")
    experiment: Text | None = Field(None, description="Slug of an experiment.")
    run: list[Annotated[int, Field(ge=1, le=MAX_ID)]] = Field(
        [], max_length=MAX_NAMED, description="Only these runs; one that is gone is left out."
    )
    q: Text | None = Field(None, description="A query, see docs/compare.md.")


class InfluenceOut(Answer):
    """One param."""

    param: str
    kind: Literal["number", "boolean", "category"]
    n: int = Field(description="Runs that have it.")
    distinct: int = Field(description="How many values it takes.")
    importance: float = Field(description="Share of what the forest explains; all add up to 1.")
    spread: float = Field(description="Standard deviation of the share over the trees.")
    spearman: float | None = Field(description="Rank correlation with the metric; null for categories.")
    p: float | None = Field(description="Two-sided, not corrected for the number of params.")
    better: Literal["higher", "lower"] | None = Field(
        description="At which values the metric is better; null where p is not below 0.05."
    )


class ImportanceOut(Answer):
    """The params that differ, the strongest first."""

    metric: str
    summary: Literal["last", "min", "max"]
    goal: Literal["min", "max"]
    n: int = Field(description="Runs that this is from; with fewer than 5 there are no items.")
    left_out: int = Field(description="Runs without a finite value of the metric.")
    score: float | None = Field(
        description="R² of the forest on runs that it has not seen, null below 10 runs."
    )
    constant: list[str] = Field(description="Params with one value.")
    caveats: list[str] = Field(description="What to keep in mind.")
    items: list[InfluenceOut]


@router.get("/importance", response_model=ImportanceOut)
def param_importance(query: Annotated[ImportanceQuery, Query()], db: DbDep) -> dict[str, Any]:
    """Spearman's correlation and a random forest's importance of each param that differs between the runs.

    The forest is grown on the ranks of the metric, with a fixed random state: the same runs give the same figures.
    """
    if query.experiment is None and not query.run:
        raise Invalid(
            "Of which runs? Give experiment or run.",
            fields={"experiment": "the slug of an experiment, or `run` with ids of runs"},
        )
    chosen = TableQuery(experiment=query.experiment, run=query.run, q=query.q)
    with db.read() as session:
        mark(session, chosen, now := utcnow())  # it knows whether there is such an experiment
        found = ids(session, chosen, now)[:MAX_RUNS]
        outcomes = queries.outcomes(session, found, query.metric)
    finite = [
        (outcome.params, value)
        for outcome in outcomes
        if (value := getattr(outcome, query.summary)) is not None and math.isfinite(value)
    ]
    result = importance([params for params, _ in finite], [value for _, value in finite], query.goal)
    head = {"metric": query.metric, "summary": query.summary, "goal": query.goal}
    return head | {"left_out": len(found) - len(finite)} | asdict(result)
