"""What a workbench fetches first, so that its page can ask for it before the modules that will fetch it are there.

The addresses are those of `wb_rows.js` and of `firstUrl` in `chart_ask.js`, to the letter: a browser gives an answer to
the fetch that has the same address, and complains about one that nobody took.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

FIRST_TAGS, POINTS = 4, 1000


def first_urls(asked: QueryParams, *, known: Sequence[int], experiment: str | None = None) -> list[str]:
    """Addresses of the rows, and of the first curves where the page's own address says of which runs.

    Args:
        asked: the page's query.
        known: runs that there are: all of a comparison, in the order of its address, or some of an experiment.
        experiment: slug of the experiment, on its page.
    """
    source: list[tuple[str, object]] = [("run", run) for run in known]
    if experiment is not None:
        source = [("experiment", experiment)]
    elif not known:
        return []
    archived = asked.get("arch") == "1"
    rows = f"/api/v1/table?{urlencode([*source, *([('archived', 'true')] if archived else [])])}"
    drawn = _drawn(asked, known, every=experiment is None)
    other = archived or asked.get("q") or asked.get("state") or asked.get("x") == "epoch"
    if other or not drawn or asked.get("pane", "charts") != "charts":
        return [rows]
    query = [
        ("format", "columns"),
        ("first", FIRST_TAGS),
        ("points", POINTS),
        *(("run", run) for run in drawn),
    ]
    return [rows, f"/api/v1/metrics?{urlencode(query)}"]


def _drawn(asked: QueryParams, known: Sequence[int], *, every: bool) -> list[int]:
    """The runs whose curves are drawn at first, as `State.drawn` in wb_state.js has it: the ticked ones, or else all."""
    ticked = _ids(asked.get("sel"))
    chosen = set(ticked or (known if every else ()))
    if not every and not chosen <= set(known):
        return []  # of some of them we do not know whether they are still there
    return sorted(chosen.intersection(known).difference(_ids(asked.get("hide"))))


def _ids(text: str | None) -> list[int]:
    return [
        int(word)
        for word in (text or "").split(",")
        if word.isascii() and word.isdecimal() and 0 < int(word) < 2**53
    ]
