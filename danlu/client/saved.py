"""What people keep on a server beside their runs, as objects: views, reports, collections of runs in one TensorBoard."""

from __future__ import annotations

from datetime import datetime

from danlu.client.records import Json, Of, Record, time_of


class View(Record):
    """What a workbench shows, under a name."""

    _shown = ("id", "name", "experiment")
    id = Of[int]()
    name = Of[str]()
    experiment = Of[str | None]()
    """Slug; None: a comparison across experiments."""
    query = Of[str]()
    """The address's query, without the question mark."""
    default = Of[bool](default=False)
    """What the experiment opens with."""
    owner = Of[str | None]()
    created_at = Of[datetime](time_of)
    updated_at = Of[datetime](time_of)
    links = Of[dict[str, str]](dict, default={})
    """`page`: a path of the server."""


class Report(Record):
    """Notes in Markdown, with live charts and tables in them."""

    _shown = ("id", "title", "experiment")
    id = Of[int]()
    title = Of[str]()
    experiment = Of[str | None]()
    """Slug; None: of no single experiment."""
    body = Of[str | None]()
    """Markdown; None in a list of reports."""
    owner = Of[str | None]()
    created_at = Of[datetime](time_of)
    updated_at = Of[datetime](time_of)
    links = Of[dict[str, str]](dict, default={})
    """`page`, `html` and `pdf`: paths of the server."""


class Collection(Record):
    """A TensorBoard on chosen runs."""

    _shown = ("id", "state", "url")
    id = Of[str]()
    state = Of[str]()
    """`stopped`, `starting`, `ready` or `failed`."""
    reason = Of[str | None]()
    url = Of[str]()
    """A path of the server; opening it starts the TensorBoard."""
    runs = Of[int]()
    """How many."""
    items = Of[list[Json]](list, default=())
    """Each run's `id` and its name there; from `Client.collection` only."""
    filter = Of[str | None]()
    """Path of the experiment's own TensorBoard with a filter on these runs, where that does as well; from `collect` only."""
