"""What `GET /compare/seeds` answers."""

from typing import Any, Literal

from pydantic import Field

from app.answers import Answer


class SeedRun(Answer):
    """A run of a group."""

    id: int
    name: str
    seed: Any = Field(description="Null where nobody knows it.")
    state: str
    value: float | None
    left_out: str | None = Field(
        description="Why its value does not count: its state, no value, not finite, or repeats a seed."
    )


class SeedGroup(Answer):
    """Runs that differ in their seed only."""

    key: str
    label: str = Field(description="What tells it from the other groups.")
    params: dict[str, Any] = Field(description="All but the seed.")
    seed_param: str | None = Field(description="The param that is the seed; null where it is the run's own.")
    n: int = Field(description="Runs that count.")
    mean: float | None
    sd: float | None = Field(description="Sample standard deviation, with n - 1.")
    se: float | None = Field(description="Standard error of the mean.")
    low: float | None = Field(description="95 % interval of the mean.")
    high: float | None
    left_out: dict[str, int] = Field(description="Runs that do not count, by reason.")
    runs: list[SeedRun] = Field(description="Newest first.")


class IntervalOut(Answer):
    """How the intervals of the means are made."""

    name: str
    level: float
    resamples: int
    generator: str


class TestOut(Answer):
    """Group b less group a."""

    a: str = Field(description="Key of the first group.")
    b: str
    n: tuple[int, int]
    needed: tuple[int, int] = Field(description="More seeds that each needs before anything is said.")
    mean: float | None = Field(description="Difference of the means.")
    low: float | None = Field(description="95 % interval of the difference.")
    high: float | None
    interval: str = Field(description="How that was made.")
    test: str
    statistic: float | None
    df: float | None
    p: float | None = Field(description="Two-sided.")
    least_p: float | None = Field(description="What p cannot fall below with so many runs.")
    verdict: Literal["different", "not shown"] | None = Field(description="At p < 0.05; null: too few runs.")
    note: str


class SeedsOut(Answer):
    """Groups of runs that differ in their seed only, and the comparison of two of them."""

    metric: str | None = Field(description="Null where no run has any.")
    value: Literal["last", "min", "max"]
    metrics: dict[str, int] = Field(description="How many runs have it, by tag.")
    interval: IntervalOut
    groups: list[SeedGroup]
    more: int = Field(description="Groups that are not listed.")
    comparison: TestOut | None
