"""A run: what the server said of it last, and everything that can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from danlu.client import files, log, series
from danlu.client.fields import RunChanges, as_body
from danlu.client.log import TERMINAL, LogPiece
from danlu.client.patience import PATIENCE, POLL, Patience
from danlu.client.records import FileInfo, Json, TimelineEvent
from danlu.client.runrecord import RunRecord
from danlu.client.series import Series, SeriesOfRun, XAxis
from danlu.errors import ApiError, RunFailed

if TYPE_CHECKING:
    from danlu.rest import Connection


class Run(RunRecord):
    """One run, as the server told of it when it was last asked: `refresh` asks again, and so do `wait` and `cancel`."""

    __slots__ = ("_server",)

    def __init__(self, server: Connection, data: Json) -> None:
        super().__init__(data)
        self._server = server

    @property
    def ended(self) -> bool:
        """Whether its state is one that never changes again."""
        return self.state in TERMINAL

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self._server.url}/runs/{self.id}"

    @property
    def _path(self) -> str:
        return f"/runs/{self.id}"

    def refresh(self) -> Self:
        """Ask the server again."""
        self.data = self._server.json("GET", self._path)
        return self

    def wait(
        self,
        timeout: float | None = None,
        *,
        check: bool = False,
        poll: float = POLL,
        patience: float = PATIENCE,
        on_update: Callable[[Run], None] | None = None,
    ) -> Self:
        """Return once the run has ended.

        Args:
            timeout: seconds until TimeoutError; None: wait for ever.
            check: raise unless it succeeded.
            poll: seconds between two looks.
            patience: seconds for which a server that restarts may be unreachable.
            on_update: called with the run after each look.

        Raises:
            RunFailed: with `check`: it failed or was cancelled.
            TimeoutError: it has not ended yet, and goes on.
            ApiError: the run was deleted, or the server was away for too long.
        """
        patient = Patience(patience, poll, timeout, f"run {self.id} has not ended")
        while True:
            patient.ask(self.refresh)
            if on_update is not None:
                on_update(self)
            if self.ended:
                break
            patient.pause()
        if check and self.state != "succeeded":
            raise RunFailed(self)
        return self

    # --- control

    def cancel(self) -> Self:
        """Ask it to stop; asking again changes nothing. Raises ApiError 409 when it has ended."""
        try:
            self.data = self._server.json("POST", f"{self._path}/cancel", retry=True)
        except ApiError as error:
            # It was queued, and the answer to an earlier attempt was lost.
            if not (error.repeated and error.status == 409 and self.refresh().state == "cancelled"):
                raise
        return self

    def retry(self, *, idempotency_key: str | None = None) -> Run:
        """Queue the same again, once it has ended; the new run."""
        return Run(self._server, self._server.create(f"{self._path}/retry", key=idempotency_key))

    def clone(self, **changes: Unpack[RunChanges]) -> Run:
        """Queue a run like this one with some things changed: `run.clone(params={"lr": 0.01}, seed=3)`; the new run."""
        body = as_body(changes)
        key = changes.get("idempotency_key")
        return Run(self._server, self._server.create(f"{self._path}/clone", body, key=key))

    def change(
        self,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        notes: str | None = None,
        priority: int | None = None,
        colour: int | None = None,
    ) -> Self:
        """Change its labels, its colour (0 to 9), and while it is queued its priority; None leaves one as it is."""
        body = as_body({"name": name, "tags": tags, "notes": notes, "priority": priority, "colour": colour})
        self.data = self._server.json("PATCH", self._path, json=body, retry=True)
        return self

    def move(
        self,
        to: Literal["top", "bottom"] | None = None,
        *,
        before: Run | int | None = None,
        behind: Run | int | None = None,
    ) -> Self:
        """Change its place in the queue: to an end of it, or next to another queued run, whose priority it takes over."""
        wishes = {"to": to, "before": before, "after": behind}
        body = {
            name: wish.id if isinstance(wish, Run) else wish
            for name, wish in wishes.items()
            if wish is not None
        }
        if len(body) != 1:
            raise TypeError("move takes one of: 'top', 'bottom', before=run, behind=run")
        self.data = self._server.json("POST", f"{self._path}/move", json=body, retry=True)
        return self

    def delete(self) -> None:
        """Remove it with its files, once it has ended."""
        self._server.delete(self._path)

    # --- what it tells

    def events(self) -> list[TimelineEvent]:
        """Its timeline, oldest first."""
        return [TimelineEvent(item) for item in self._server.pages(f"{self._path}/events", sized=False)]

    def log(self, offset: int = 0, *, tail: int | None = None) -> LogPiece:
        """Up to 1 MiB of its output from a byte offset, or its last `tail` lines; and the offset behind it."""
        data, after = log.read(self._server, self.id, offset, tail)
        return LogPiece(data.decode(errors="replace"), after)

    def log_pieces(
        self, offset: int = 0, *, follow: bool = True, poll: float = POLL, patience: float = PATIENCE
    ) -> Iterator[LogPiece]:
        """Its output as it comes, in pieces, until it has ended; each says at which byte offset to go on.

        Args:
            offset: byte to begin at.
            follow: False: only what is there now.
            poll: seconds between two looks.
            patience: seconds for which a server that restarts may be unreachable.
        """
        return log.follow(self._server, self.id, offset, Patience(patience, poll), on=follow)

    def stream_logs(
        self, *, follow: bool = True, poll: float = POLL, patience: float = PATIENCE
    ) -> Iterator[str]:
        """Its output line by line from the first one, until it has ended: none is lost or doubled when the server restarts.

        A line is there once it is whole; `log_pieces` also gives what has no end yet.
        """
        return log.lines(self.log_pieces(follow=follow, poll=poll, patience=patience))

    def diff(self) -> str:
        """The changes that were not committed when it was submitted, as `git diff` prints them; may be empty."""
        return self._server.send("GET", f"{self._path}/diff", headers={"Accept": "text/plain"}).text

    def environment_record(self) -> Json:
        """What it ran in: Python, packages with their versions, torch, CUDA, GPU, host."""
        return self._server.json("GET", f"{self._path}/environment")

    def traceback(self) -> Json | None:
        """The exception that ended it: `type`, `message`, `frames`, `text`; None where there was none."""
        found: Json | None = self._server.value("GET", f"{self._path}/traceback")
        return found

    @overload
    def metrics(
        self, tag: None = None, *, points: int = 0, x: XAxis = "step", as_: Literal["numpy"] = "numpy"
    ) -> SeriesOfRun: ...
    @overload
    def metrics(
        self, tag: str, *, points: int = 0, x: XAxis = "step", as_: Literal["numpy"] = "numpy"
    ) -> Series: ...
    @overload
    def metrics(
        self, tag: str | None = None, *, points: int = 0, x: XAxis = "step", as_: Literal["pandas"]
    ) -> Any: ...
    def metrics(
        self,
        tag: str | None = None,
        *,
        points: int = 0,
        x: XAxis = "step",
        as_: Literal["numpy", "pandas"] = "numpy",
    ) -> Any:
        """Its curves: `run.metrics("loss").y` is a numpy array, `run.metrics()` has all of them by tag.

        They reach at least as far as `summary` says: after `wait` they are whole.

        Args:
            tag: only this one.
            points: at most so many per curve, thinned so that no spike is lost; 0: every point.
            x: what `Series.x` is: steps, seconds since the first point (relative), seconds since 1970 (wall), or epochs as the
                run has logged them (epoch), else steps.
            as_: "pandas": a pandas Series for one tag, else a DataFrame with one row per point.

        Raises:
            KeyError: it has written no such scalar (yet).
        """
        wanted = None if tag is None else [tag]
        found = SeriesOfRun(
            self.id, series.fetch(self._server, {self.id: self.last_steps()}, wanted, points, x)
        )
        if tag is not None and tag not in found:
            known = ", ".join(self.metric_tags()) or "none yet"
            raise KeyError(f"run {self.id} has no scalar {tag!r}; it has {known}")
        chosen = found if tag is None else found[tag]
        return chosen.to_pandas() if as_ == "pandas" else chosen

    def last_steps(self) -> dict[str, int]:
        """The last step of each curve, as the run was told of last."""
        return {tag: found.step for tag, found in self.summary.items()}

    def metric_tags(self) -> list[str]:
        """Names of its curves, sorted."""
        found: list[str] = self._server.json("GET", "/metrics/tags", params={"run": self.id})["items"]
        return found

    # --- files

    def files(self) -> list[FileInfo]:
        """Its files, by path."""
        return [FileInfo(item) for item in self._server.pages(f"{self._path}/files")]

    def read(self, path: str) -> bytes:
        """The content of one file."""
        return self._server.send("GET", files.file_path(self.id, path), headers={"Accept": "*/*"}).content

    def download(self, path: str, to: str | Path | None = None) -> Path:
        """Fetch one file; where it lies now.

        Args:
            path: as in `files()`.
            to: a file, or a folder that exists; default: the working directory.
        """
        target = Path(to) if to is not None else Path.cwd()
        if target.is_dir():
            target /= files.inside(Path(), path).name
        return files.download(self._server, self.id, path, target, Patience())

    def download_all(self, folder: str | Path, pattern: str = "**") -> list[Path]:
        """Fetch every file whose path matches (`checkpoints/*`), in the same folders; where they lie now."""
        from fnmatch import fnmatchcase

        wanted = [item.path for item in self.files() if pattern == "**" or fnmatchcase(item.path, pattern)]
        return [
            files.download(self._server, self.id, path, files.inside(Path(folder), path), Patience())
            for path in wanted
        ]
