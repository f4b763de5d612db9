"""GET /api/v1/compare/seeds: groups of seeds, and whether two of them differ."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic_core import to_json
from starlette.responses import Response

from app.auth.deps import require
from app.clock import utcnow
from app.compare.seeds import queries, statistics
from app.compare.seeds.answer import SeedsOut
from app.compare.seeds.groups import Group, grouped
from app.compare.seeds.request import SeedsQuery
from app.deps import DbDep
from app.errors import Invalid

router = APIRouter(prefix="/compare", tags=["runs"], dependencies=[Depends(require("read"))])
LISTED = 500
"""Groups of one answer."""
INTERVAL = {
    "name": "percentile bootstrap of the mean",
    "level": statistics.LEVEL,
    "resamples": statistics.RESAMPLES,
    "generator": statistics.GENERATOR,
}


@router.get("/seeds", response_model=SeedsOut, response_class=Response)
def seeds(query: Annotated[SeedsQuery, Query()], db: DbDep) -> Response:
    """Runs that differ in their seed only, with mean, spread and interval of one metric; two groups are compared by a test.

    Name an experiment or runs. Only runs that have succeeded count, and of the same seed the newest.
    """
    if query.experiment is None and not query.run:
        remedy = "give the slug of an experiment, or run=ID"
        raise Invalid(f"Seeds of which runs? {remedy}.", fields={"experiment": remedy})
    now = utcnow()
    with db.read() as session:
        tags = queries.tags(session, query, now)
        metric = query.metric or _usual(tags)
        found = queries.outcomes(session, query, metric or "", now)
    groups = grouped(found, query.value)
    body = {
        "metric": metric,
        "value": query.value,
        "metrics": tags,
        "interval": INTERVAL,
        "groups": [group.json() for group in groups[:LISTED]],
        "more": max(0, len(groups) - LISTED),
        "comparison": _compared(groups, query),
    }
    return Response(to_json(body, inf_nan_mode="null"), media_type="application/json")


def _usual(tags: dict[str, int]) -> str | None:
    """The metric that most runs have, one of validation rather than of training."""
    return max(tags, key=lambda tag: (tags[tag], "val" in tag.lower(), "test" in tag.lower()), default=None)


def _compared(groups: list[Group], query: SeedsQuery) -> dict[str, Any] | None:
    if query.a is None or query.b is None:
        return None
    one, two = (_group_of(groups, name, run) for name, run in (("a", query.a), ("b", query.b)))
    if one is two:
        remedy = "name a run of another group than a"
        raise Invalid("a and b are runs of the same group.", fields={"b": remedy})
    found = asdict(statistics.difference(one.values, two.values, query.test))
    return {"a": one.key, "b": two.key} | found


def _group_of(groups: list[Group], name: str, run: int) -> Group:
    for group in groups:
        if any(one.run.id == run for one, _, _ in group.runs):
            return group
    raise Invalid(f"Run {run} is not among these runs.", fields={name: "is not among the runs asked for"})
