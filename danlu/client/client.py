"""The client itself: what can be asked of a server as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import httpx

from danlu.client import code, live, series
from danlu.client.catalog import Catalog
from danlu.client.comparing import Comparing
from danlu.client.fields import RunFields, as_body
from danlu.client.groups import Queue, Sweep
from danlu.client.keeping import Keeping
from danlu.client.live import LiveEvent
from danlu.client.patience import PATIENCE, Patience
from danlu.client.records import Json, Snapshot
from danlu.client.run import Run
from danlu.client.series import Series, XAxis
from danlu.profile import Profile, load_profile
from danlu.rest import PAGE, Connection

if TYPE_CHECKING:
    from danlu.pack import Selection


class Client(Catalog, Comparing, Keeping):
    """A synchronous client of one server. Use it as a context manager, or `close()` it. Threads may share it.

    What is safe to repeat is sent again when the server is busy or an answer is lost: reads, changes, and everything that
    makes something, which carries an `Idempotency-Key`.

    Args:
        url: the server's origin, such as `http://127.0.0.1:8000`.
        token: an API token (`danlu_…`). None sends none: enough only where the login is switched off.
        home: the home whose `cli.toml` is read for what is missing (default: `DANLU_HOME`, `./danlu-data`).
        timeout: seconds for one request's connect, read and write.
        transport: an httpx transport to use instead of the network.

    Raises:
        ApiError: the URL or the token cannot be what it should be.
        ProfileError: `cli.toml` is damaged.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        home: Path | None = None,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        found = Profile(url, token) if url and token else load_profile(home).over(url, token)
        self.url = (found.url or "").rstrip("/")
        self._server = Connection(self.url, found.token, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    # --- runs

    def submit(
        self,
        experiment: str,
        recipe: str | None = None,
        params: Mapping[str, Any] | None = None,
        **fields: Unpack[RunFields],
    ) -> Run:
        """Queue a run of a recipe, or of a script (`script=` or `snapshot=`), and return it.

        Args:
            experiment: its slug or name; made when it does not exist.
            recipe: the recipe's name; None for a script.
            params: hyper-parameters; those left out get their defaults.
            fields: see `RunFields`.

        Raises:
            ApiError: 422 names each wrong field.
            PackError: the script cannot be read, or its folder is too large.
        """
        body = self._body(experiment, recipe, params, fields)
        return Run(self._server, self._server.create("/runs", body, key=fields.get("idempotency_key")))

    def sweep(
        self,
        experiment: str,
        recipe: str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        grid: Mapping[str, Sequence[Any]],
        **fields: Unpack[RunFields],
    ) -> Sweep:
        """Queue a run for every combination of the grid's values, all of them or none.

        Args:
            experiment: as for `submit`.
            recipe: as for `submit`.
            params: those that all of them share.
            grid: param (or `seed`) -> its values; at most 500 runs in all.
            fields: as for `submit`.
        """
        body = self._body(experiment, recipe, params, fields)
        for name, values in grid.items():
            if isinstance(values, str):
                raise TypeError(f"the grid of {name} is a list of values, not a string: [{values!r}]")
        body["grid"] = {name: list(values) for name, values in grid.items()}
        return Sweep(self._server, self._server.create("/sweeps", body, key=fields.get("idempotency_key")))

    def _body(
        self, experiment: str, recipe: str | None, params: Mapping[str, Any] | None, fields: RunFields
    ) -> Json:
        said: Json = {"experiment": experiment, "recipe": recipe, "params": params or {}, **fields}
        script = said.pop("script", None)
        return as_body(said if script is None else code.with_script(self._server, Path(script), said))

    def run(self, run_id: int) -> Run:
        """One run, whole."""
        return Run(self._server, self._server.json("GET", f"/runs/{int(run_id)}"))

    def runs(
        self,
        *,
        experiment: str | None = None,
        state: str | Sequence[str] | None = None,
        tag: str | Sequence[str] | None = None,
        recipe: str | Sequence[str] | None = None,
        q: str | None = None,
        sweep: str | None = None,
        snapshot: Snapshot | str | None = None,
        entrypoint: str | None = None,
        archived: bool = False,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Runs, newest first unless `sort` says otherwise, fetched page by page as they are needed.

        Args:
            experiment: only those of this experiment (its slug).
            state: only in this state, or one of these.
            tag: only with this tag, or all of these.
            recipe: only of this recipe, or one of these.
            q: a query, such as `state:running lr<0.01`; bare words are looked for in names and notes.
            sweep: only those of this sweep.
            snapshot: only those of this code.
            entrypoint: only those of this script.
            archived: archived runs, too.
            sort: `-created`, `-metrics.acc/val`, `params.lr`, …; `-` for descending.
            limit: at most so many; None: all.
        """
        query = {
            "experiment": experiment, "state": state, "tag": tag, "recipe": recipe, "q": q, "sweep": sweep,
            "snapshot": snapshot.id if isinstance(snapshot, Snapshot) else snapshot, "entrypoint": entrypoint, "sort": sort,
            "archived": "true" if archived else None,
        }  # fmt: skip
        for item in self._server.pages("/runs", query, limit=limit):
            yield Run(self._server, item)

    def metrics(
        self,
        runs: Sequence[Run | int],
        tags: Sequence[str] | None = None,
        *,
        points: int = 1000,
        x: XAxis = "step",
    ) -> list[Series]:
        """Curves of several runs, in their order and then by tag; see `Run.metrics`. `danlu.client.to_pandas` makes a table.

        Args:
            runs: which.
            tags: only these; None: all.
            points: at most so many per curve, 4 or more; 0: every point.
            x: what `Series.x` is.
        """
        if isinstance(tags, str):
            raise TypeError(f"tags is a list of names, not a name: [{tags!r}]")
        expected = {
            run.id if isinstance(run, Run) else run: run.last_steps() if isinstance(run, Run) else {}
            for run in runs
        }
        return series.fetch(self._server, expected, tags, points, x)

    # --- the queue

    def queue(self) -> Queue:
        """What waits, in order, and whether the queue is paused."""
        first = self._server.json("GET", "/queue", params={"limit": PAGE})
        if first.get("next") is not None:
            first["items"] += self._server.pages("/queue", {"cursor": first["next"]})
        return Queue(self._server, first)

    def pause_queue(self) -> None:
        """Start no more runs until `resume_queue`; those that run go on. Needs the admin right."""
        self._server.send("POST", "/queue/pause", retry=True)

    def resume_queue(self) -> None:
        """Start runs again. Needs the admin right."""
        self._server.send("POST", "/queue/resume", retry=True)

    # --- code

    def upload(
        self, path: str | Path | Selection, *, entrypoint: str | None = None, alone: bool = False
    ) -> Snapshot:
        """Upload code for runs of scripts; what the server has already is not sent again.

        Args:
            path: a folder; or a script, whose folder is uploaded with it. What `.gitignore` and `.danluignore` name stays.
                Or what `danlu.pack.select` has chosen.
            entrypoint: the script whose form `Snapshot.params_schema` describes; default: the script itself, or the likeliest.
            alone: of a script, only the script.

        Raises:
            PackError: it cannot be read, or is too large.
            ApiError: the server refused it: 403 without the submit-code right, 422 for a script that is no Python.
        """
        return code.upload(self._server, path, entrypoint, alone=alone)

    def snapshot(self, snapshot_id: str, *, entrypoint: str | None = None) -> Snapshot:
        """Code that was uploaded, with its files in `listing`."""
        return code.snapshot(self._server, snapshot_id, entrypoint)

    def snapshot_file(self, snapshot_id: str, path: str) -> str:
        """One file of it, as text."""
        return code.file(self._server, snapshot_id, path)

    # --- live

    def stream(
        self, *topics: str, last_event_id: str = "", patience: float = PATIENCE
    ) -> Iterator[LiveEvent]:
        """Live events, for ever: each topic's present state first, then what changes.

        Args:
            topics: `run:12`, `log:12`, `metrics:12`, `experiment:slug`, `experiments`, `workers`, `queue`; at most 64.
            last_event_id: `LiveEvent.id` of the last one that was read: logs go on there. They do so by themselves when the
                connection breaks.
            patience: seconds for which a server that restarts may be unreachable.
        """
        return live.follow(self._server, topics, last_event_id, Patience(patience))
