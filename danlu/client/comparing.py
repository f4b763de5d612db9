"""Questions about many runs at once: what the workbench shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from danlu.client.compared import (
    BulkOutcome,
    Completions,
    Importance,
    MediaOfRun,
    MediaTag,
    RunDiff,
    RunTable,
    Seeds,
)
from danlu.client.fields import ids_of
from danlu.client.records import Json

if TYPE_CHECKING:
    from danlu.client.run import Run
    from danlu.rest import Connection

Action = Literal["cancel", "tag", "untag", "archive", "unarchive", "delete"]
DiffPart = Literal["values", "code", "environment", "log"]
MediaKind = Literal["images", "histograms", "text", "graph"]
Summary = Literal["last", "min", "max"]
RUNS_AT_ONCE = 5_000
"""Of one bulk action."""
_REPEATABLE = frozenset({"tag", "untag", "archive", "unarchive"})
"""Done twice they change nothing, and say so; a run that is cancelled or gone would be refused the second time."""


class Comparing:
    """The part of the client that compares runs, and acts on many of them."""

    _server: Connection

    def bulk(self, runs: Sequence[Run | int], action: Action, *, tag: str | None = None) -> BulkOutcome:
        """Do one thing to many runs; each is done or refused by itself.

        Args:
            runs: which; more than 5,000 in several requests.
            action: `cancel`, `tag`, `untag`, `archive`, `unarchive` or `delete`.
            tag: which one, for `tag` and `untag`.

        Raises:
            ApiError: the request itself was refused, such as a `tag` for an action that takes none.
        """
        done: list[int] = []
        refused: list[Json] = []
        ids = ids_of(runs)
        for first in range(0, len(ids), RUNS_AT_ONCE):
            body: Json = {"ids": ids[first : first + RUNS_AT_ONCE], "action": action}
            if tag is not None:
                body["tag"] = tag
            answer = self._server.json("POST", "/runs/bulk", json=body, retry=action in _REPEATABLE)
            done += answer["done"]
            refused += answer["refused"]
        return BulkOutcome({"done": done, "refused": refused})

    def table(
        self,
        *,
        experiment: str | None = None,
        runs: Sequence[Run | int] = (),
        q: str | None = None,
        sort: str = "-created",
        archived: bool = False,
        since: str | None = None,
    ) -> RunTable:
        """Thousands of runs in one answer, in columns, with the summaries of their metrics.

        Args:
            experiment: only those of this experiment (its slug).
            runs: only these, up to 1,000.
            q: a query, such as `state:running lr<0.01`.
            sort: as for `runs`.
            archived: archived runs, too.
            since: `RunTable.version` of an earlier answer: only runs that have changed since then.

        Raises:
            ApiError: 422 where the query cannot be read (`fields["q"]` says where), 404 without such an experiment.
        """
        query = {"experiment": experiment, "run": ids_of(runs), "q": q, "sort": sort, "since": since}
        return RunTable(self._get("/table", query | ({"archived": "true"} if archived else {})))

    def complete(self, q: str, at: int | None = None, *, experiment: str | None = None) -> Completions:
        """What may come next in a query.

        Args:
            q: the query so far.
            at: the cursor, in characters from 0; default: the end.
            experiment: only names and values of its runs.
        """
        return Completions(self._get("/query/complete", {"q": q, "at": at, "experiment": experiment}))

    def diff(
        self, a: Run | int, b: Run | int, parts: Sequence[DiffPart] = (), *, mask: bool = False
    ) -> RunDiff:
        """What two runs differ in.

        Args:
            a: the first one.
            b: the second one.
            parts: only these: `values` (params, settings, metrics), `code` (and git), `environment`, `log`; default: all.
            mask: in the outputs numbers, times and addresses count as equal.

        Raises:
            ApiError: 404 where one of them is not there, 422 where both are the same.
        """
        _no_name("parts", parts)
        one, two = ids_of([a, b])
        query: dict[str, Any] = {"a": one, "b": two, "part": list(parts)}
        return RunDiff(self._get("/compare/diff", query | ({"mask": "true"} if mask else {})))

    def seeds(
        self,
        *,
        experiment: str | None = None,
        runs: Sequence[Run | int] = (),
        q: str | None = None,
        metric: str | None = None,
        value: Summary = "last",
        a: Run | int | None = None,
        b: Run | int | None = None,
        test: Literal["welch", "mannwhitney"] = "welch",
    ) -> Seeds:
        """Runs that differ in their seed only, in groups; and whether two of the groups differ.

        Args:
            experiment: only those of this experiment; this or `runs` is needed.
            runs: only these, up to 1,000.
            q: a query.
            metric: tag of a scalar; default: the one that most runs have.
            value: which number of its curve.
            a: a run of the first of two groups to compare.
            b: a run of the second one.
            test: which test compares them.
        """
        chosen = {"experiment": experiment, "run": ids_of(runs), "q": q, "metric": metric, "value": value}
        pair = dict(zip("ab", ids_of([a, b]), strict=True)) if a is not None and b is not None else {}
        return Seeds(self._get("/compare/seeds", chosen | pair | {"test": test}))

    def importance(
        self,
        metric: str,
        *,
        experiment: str | None = None,
        runs: Sequence[Run | int] = (),
        q: str | None = None,
        summary: Summary = "last",
        goal: Literal["min", "max"] = "min",
    ) -> Importance:
        """Which params a metric depends on, by a random forest and by rank correlation.

        Args:
            metric: a tag, such as `loss/val`.
            experiment: only runs of this experiment; this or `runs` is needed.
            runs: only these, up to 1,000.
            q: a query.
            summary: which number of its curve.
            goal: whether a small or a large value is better.
        """
        query = {
            "metric": metric, "experiment": experiment, "run": ids_of(runs), "q": q, "summary": summary, "goal": goal,
        }  # fmt: skip
        return Importance(self._get("/compare/importance", query))

    # --- images, histograms, texts, graphs

    def media_tags(self, runs: Sequence[Run | int]) -> list[MediaTag]:
        """Tags of images, histograms, texts and graphs that any of up to 50 runs has logged."""
        return [MediaTag(item) for item in self._get("/media/tags", {"run": ids_of(runs)})["items"]]

    def media(self, runs: Sequence[Run | int], kind: MediaKind, tag: str) -> list[MediaOfRun]:
        """All that up to 50 runs have logged under one tag, in their order."""
        answer = self._get("/media", {"run": ids_of(runs), "kind": kind, "tag": tag})
        return [MediaOfRun(item) for item in answer["runs"]]

    def image(self, run: Run | int, key: str) -> bytes:
        """An image that was logged: a PNG, JPEG or GIF; `key` is one of `Logged.keys`."""
        (number,) = ids_of([run])
        query: dict[str, str | int] = {"run": number, "key": key}
        return self._server.send("GET", "/media/blob", params=query, headers={"Accept": "*/*"}).content

    def graph(self, run: Run | int, key: str) -> list[tuple[str, str, list[str]]]:
        """Name, operation and inputs of up to 20,000 nodes of a graph; `key` is one of `Logged.keys`."""
        (number,) = ids_of([run])
        nodes = self._get("/media/graph", {"run": number, "key": key})["nodes"]
        return [(name, operation, inputs) for name, operation, inputs in nodes]

    def _get(self, path: str, query: dict[str, Any]) -> Json:
        return self._server.json("GET", path, params=dict(_given(query)))


def _given(query: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in query.items():
        if value is not None and value != []:
            yield name, value


def _no_name(name: str, names: Sequence[str]) -> None:
    if isinstance(names, str):
        raise TypeError(f"{name} is a list of names, not a name: [{names!r}]")
