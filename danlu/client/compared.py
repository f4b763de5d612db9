"""What the server answers about many runs at once, as objects."""

from __future__ import annotations

from typing import Any

from danlu.client.records import Json, Of, Record, many


class Refused(Record):
    """A run that an action was not done to."""

    _shown = ("id", "error")
    id = Of[int]()
    error = Of[str]()
    """Why not, in a sentence."""


class BulkOutcome(Record):
    """What became of one action on many runs."""

    _shown = ("done", "refused")
    done = Of[list[int]](list, default=())
    """Ids, in the order given."""
    refused = Of[tuple[Refused, ...]](many(Refused), default=())


class RunTable(Record):
    """Runs in columns, with the summaries of their metrics."""

    _shown = ("total", "version")
    version = Of[str | None]()
    """What `since` of `Client.table` takes."""
    total = Of[int]()
    """Of the chosen runs, also where only changes were asked for."""
    columns = Of[dict[str, list[Any]]](default={})
    """By name, all of one length: `id`, `name`, `state`, `params`, …; times are seconds since 1970."""
    metrics = Of[dict[str, Json]](default={})
    """By tag: `run` (ids), and as long as that `last`, `min`, `max` and `step` (of the last value)."""

    @property
    def ids(self) -> list[int]:
        """The runs, in order."""
        return list(self.columns.get("id", ()))

    def __len__(self) -> int:
        return len(self.ids)

    def last(self, tag: str) -> dict[int, float]:
        """Last value of a metric by run, NaN and infinities as they are; runs without it are left out."""
        found = self.metrics.get(tag)
        if found is None:
            return {}
        words = found.get("nonfinite") or [None] * len(found["run"])
        return {
            run: float(word if value is None else value)
            for run, value, word in zip(found["run"], found["last"], words, strict=True)
            if value is not None or word is not None
        }

    def to_pandas(self) -> Any:
        """A pandas DataFrame with one row per run, indexed by id.

        Its columns are those of `columns`; each param is one, too (`params.lr`), and so is the last value of each metric
        (`metrics.loss/val`).
        """
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]

        columns: dict[str, Any] = {name: values for name, values in self.columns.items() if name != "params"}
        params = self.columns.get("params", [])
        for key in sorted({key for one in params for key in one}):
            columns[f"params.{key}"] = [one.get(key) for one in params]
        frame = pd.DataFrame(columns).set_index("id")
        lasts = {f"metrics.{tag}": pd.Series(self.last(tag), dtype=float) for tag in self.metrics}
        return frame.join(pd.DataFrame(lasts).reindex(frame.index))


class Completion(Record):
    """One suggestion for a query."""

    _shown = ("text", "kind")
    text = Of[str]()
    """What takes the place of the piece from `start` to `end`."""
    label = Of[str]()
    kind = Of[str]()
    """`field`, `param`, `metric` or `value`."""
    detail = Of[str](default="")


class Completions(Record):
    """Suggestions for one piece of a query."""

    _shown = ("start", "end", "items")
    items = Of[tuple[Completion, ...]](many(Completion), default=())
    start = Of[int]()
    """Where the piece begins, in characters from 0."""
    end = Of[int]()
    """Behind its last character."""


class RunDiff(Record):
    """What two runs differ in; a part that was not asked for is None. Differences are b less a."""

    _shown = ("a", "b")
    a = Of[Json]()
    """`id`, `name`, `experiment`, `state`."""
    b = Of[Json]()
    params = Of[list[Json] | None]()
    """One `{key, a, b, in_a, in_b, differs, delta}` each."""
    settings = Of[list[Json] | None]()
    """The same of seed, device, environment and the like."""
    metrics = Of[list[Json] | None]()
    """One `{tag, a, b, delta}` each, with `last`, `min` and `max`."""
    code = Of[Json | None]()
    """`same`, `unchanged` and the `files` that differ, with their lines."""
    git = Of[Json | None]()
    environment = Of[Json | None]()
    """`fields` and `packages`; None, too, where a run has recorded none."""
    log = Of[Json | None]()
    """`same`, the `first` line that differs, and the `lines` around differences."""


class SeedGroup(Record):
    """Runs that differ in their seed only."""

    _shown = ("label", "n", "mean", "sd")
    key = Of[str]()
    label = Of[str](default="")
    """What tells it from the other groups."""
    params = Of[Json](default={})
    """All but the seed."""
    n = Of[int]()
    """Runs that count."""
    mean = Of[float | None]()
    sd = Of[float | None]()
    """Sample standard deviation, with n - 1."""
    se = Of[float | None]()
    """Standard error of the mean."""
    low = Of[float | None]()
    """95 % interval of the mean, a percentile bootstrap."""
    high = Of[float | None]()
    left_out = Of[dict[str, int]](dict, default={})
    """How many do not count, by reason."""
    runs = Of[list[Json]](default=())
    """One `{id, name, seed, state, value, left_out}` each, newest first."""


class SeedTest(Record):
    """Two groups compared: group b less group a."""

    _shown = ("test", "n", "mean", "p", "verdict")
    a = Of[str]()
    """Key of the first group."""
    b = Of[str]()
    n = Of[tuple[int, int]](tuple)
    mean = Of[float | None]()
    """Difference of the means."""
    low = Of[float | None]()
    """95 % interval of the difference."""
    high = Of[float | None]()
    test = Of[str]()
    statistic = Of[float | None]()
    p = Of[float | None]()
    """Two-sided."""
    verdict = Of[str | None]()
    """`different` or `not shown`, at p < 0.05; None: too few runs to say anything."""
    note = Of[str](default="")


class Seeds(Record):
    """Groups of runs that differ in their seed only, by one metric."""

    _shown = ("metric", "value", "groups")
    metric = Of[str | None]()
    """None where no run has any."""
    value = Of[str]()
    """`last`, `min` or `max`."""
    metrics = Of[dict[str, int]](dict, default={})
    """How many runs have it, by tag."""
    groups = Of[tuple[SeedGroup, ...]](many(SeedGroup), default=())
    more = Of[int](default=0)
    """Groups that are not listed."""
    comparison = Of[SeedTest | None](SeedTest)
    """Where two groups were named."""


class Influence(Record):
    """What one param has to do with a metric."""

    _shown = ("param", "importance", "spearman", "better")
    param = Of[str]()
    kind = Of[str]()
    """`number`, `boolean` or `category`."""
    n = Of[int]()
    """Runs that have it."""
    importance = Of[float]()
    """Share of what a random forest explains; all add up to 1."""
    spread = Of[float]()
    """Standard deviation of the share over the trees."""
    spearman = Of[float | None]()
    """Rank correlation with the metric; None for categories."""
    p = Of[float | None]()
    """Two-sided, not corrected for the number of params."""
    better = Of[str | None]()
    """`higher` or `lower`: at which values the metric is better; None where p is not below 0.05."""


class Importance(Record):
    """Which params a metric depends on, the strongest first."""

    _shown = ("metric", "n", "score", "items")
    metric = Of[str]()
    n = Of[int]()
    """Runs that this is from; with fewer than 5 there are no items."""
    left_out = Of[int](default=0)
    """Runs without a finite value of the metric."""
    score = Of[float | None]()
    """R² of the forest on runs that it has not seen; None below 10 runs."""
    constant = Of[list[str]](list, default=())
    """Params with one value."""
    caveats = Of[list[str]](list, default=())
    items = Of[tuple[Influence, ...]](many(Influence), default=())


class MediaTag(Record):
    """A tag of images, histograms, texts or graphs."""

    _shown = ("kind", "tag", "runs")
    kind = Of[str]()
    tag = Of[str]()
    runs = Of[list[int]](list, default=())
    """Those that have it."""
    last = Of[int]()
    """Its last step in any of them."""


class Logged(Record):
    """What was logged at one step."""

    _shown = ("step",)
    step = Of[int]()
    wall = Of[float]()
    """Seconds since 1970."""
    keys = Of[list[str]](list, default=())
    """Of images and graphs: what `Client.image` and `Client.graph` take."""
    bins = Of[list[tuple[float, float, float]]](lambda bins: [tuple(one) for one in bins], default=())
    """Of histograms: left edge, right edge, count."""
    texts = Of[list[str]](list, default=())
    """Of texts: as they were written."""
    cut = Of[bool](default=False)
    """There is more text than was sent."""


class MediaOfRun(Record):
    """What one run has logged under a tag."""

    _shown = ("run", "items")
    run = Of[int]()
    items = Of[tuple[Logged, ...]](many(Logged), default=())
    """Steps ascending."""
    sampled = Of[bool](default=False)
    """It may have logged more steps than are kept: 50, of texts 100."""
