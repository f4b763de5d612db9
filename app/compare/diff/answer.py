"""What `GET /compare/diff` answers."""

from typing import Any, Literal

from pydantic import Field

from app.answers import Answer


class DiffRun(Answer):
    """One of the two."""

    id: int
    name: str
    experiment: str
    state: str
    colour: int | None
    parent: int | None


class ValueRow(Answer):
    """One value of both."""

    key: str
    a: Any
    b: Any
    in_a: bool
    in_b: bool
    differs: bool
    delta: float | None = Field(description="b less a, of numbers that differ.")


class SummaryOut(Answer):
    """Of one metric of one run."""

    last: float | None
    min: float | None
    max: float | None
    step: int | None
    nonfinite: str | None


class MetricRow(Answer):
    """One metric of both; null where a run has none."""

    tag: str
    a: SummaryOut | None
    b: SummaryOut | None
    delta: dict[Literal["last", "min", "max"], float | None] = Field(description="b less a.")


class FileDiffOut(Answer):
    """One file that differs."""

    path: str
    status: Literal["added", "removed", "changed"]
    added: int
    removed: int
    note: str = Field(description="Why not all of its lines are shown.")
    lines: list[tuple[str, int | None, int | None, str]] = Field(
        description="Mark (+, -, blank, @ for the head of a piece), number in a, number in b, text."
    )


class CodeOut(Answer):
    """The code of both."""

    kind: Literal["recipes", "snapshots", "mixed"]
    note: str
    same: bool | None = Field(description="Null where nobody knows.")
    files: list[FileDiffOut]
    unchanged: int


class GitOut(Answer):
    """Where the code came from."""

    a: dict[str, Any] | None
    b: dict[str, Any] | None
    same_commit: bool
    uncommitted: Literal["none", "same", "differs", "only a", "only b"]


class PackageOut(Answer):
    """A package that one run has."""

    name: str
    version: str


class PackageChange(Answer):
    """A package of which they have different versions."""

    name: str
    a: str
    b: str


class PackagesOut(Answer):
    """Packages of both."""

    removed: list[PackageOut] = Field(description="Only in a.")
    added: list[PackageOut] = Field(description="Only in b.")
    changed: list[PackageChange]
    same: int


class EnvironmentDiffOut(Answer):
    """In what both ran."""

    fields: list[ValueRow]
    packages: PackagesOut


class FirstDifference(Answer):
    """The first line of the outputs that differs; null for a side that has ended."""

    line: int
    a: str | None
    b: str | None


class LogDiffOut(Answer):
    """What both have printed."""

    same: bool | None = Field(description="Null where both go on beyond what is looked at.")
    first: FirstDifference | None
    lines: list[tuple[str, int | None, int | None, str]]
    shown: tuple[int, int] = Field(description="Lines of each that went into the diff.")
    cut: bool = Field(description="Whether more follows that is not compared.")
    bytes: tuple[int, int] = Field(description="Of each output.")
    masked: bool


class DiffOut(Answer):
    """Two runs compared; parts that were not asked for are null."""

    a: DiffRun
    b: DiffRun
    params: list[ValueRow] | None
    settings: list[ValueRow] | None
    metrics: list[MetricRow] | None
    code: CodeOut | None
    git: GitOut | None
    environment: EnvironmentDiffOut | None = Field(description="Null, too, where a run has recorded none.")
    log: LogDiffOut | None
