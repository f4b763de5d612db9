"""Importing a TensorBoard directory: where it lies, or out of an upload. Written in batches, so that others can write between.

Importing the same again changes nothing: a run is known by its folder (an uploaded one by its path and its first event
file), and read again only when its event files have grown.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.config import Settings, run_dir
from app.db import Database, WriteSession
from app.errors import Invalid
from app.experiments import service as experiments
from app.experiments.queries import lock_names
from app.fields import MAX_NAME
from app.files import remove_tree
from app.imports import store
from app.imports.discover import EVENT_MARK, HPARAMS_FILE, Found, discover
from app.imports.hparams import as_params, plain_text, read_yaml
from app.models import Experiment
from danlu.wholeruns import RunRead, read_run

Json = dict[str, Any]
BATCH = 25
"""Runs of one transaction."""
MAX_RUNS = 20_000
_MAX_TOLD = 1_000
"""Runs that a report names."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for.

    Attributes:
        experiment: slug or name; made when there is none.
        tags: of the new runs.
        per_folder: each folder with event files is a run.
        dry_run: only tell what would be done.
        actor, owner_id: who asks.
        seconds: after which the import stops between two runs; asked again, it goes on.
        progress: told how many runs are done, and of how many.
    """

    experiment: str
    tags: tuple[str, ...] = ()
    per_folder: bool = False
    dry_run: bool = False
    actor: str = "system"
    owner_id: int | None = None
    seconds: float | None = None
    progress: Callable[[int, int], None] | None = None


@dataclass(slots=True)
class Report:
    """What was done, or would be."""

    experiment: str | None
    added: list[Json] = field(default_factory=list)
    updated: list[Json] = field(default_factory=list)
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)
    complete: bool = True
    dry_run: bool = False

    def body(self) -> Json:
        """As JSON."""
        return {
            "experiment": self.experiment,
            "added": self.added[:_MAX_TOLD],
            "updated": self.updated[:_MAX_TOLD],
            "unchanged": self.unchanged,
            "counts": {"added": len(self.added), "updated": len(self.updated)},
            "notes": self.notes[:100],
            "complete": self.complete,
            "dry_run": self.dry_run,
        }


@dataclass(frozen=True, slots=True)
class _Work:
    """One run, and the row that it has already."""

    found: Found
    known: store.Known | None

    @property
    def grown(self) -> bool:
        return self.known is not None and self.known.imported.get("folders") != self.found.folders


def need_experiment(experiment: str) -> None:
    """Only an export knows by itself where its runs belong.

    Raises:
        Invalid: none is named.
    """
    if not experiment:
        raise Invalid("experiment is missing.", fields={"experiment": "name the experiment for these runs"})


def import_folder(
    db: Database, settings: Settings, root: Path, wish: Wish, now: datetime, *, uploaded: bool = False
) -> Report:
    """Import the runs below a folder.

    Args:
        root: absolute, without links in it.
        uploaded: the folder is ours, and its runs move into the home; else they stay where they are.

    Raises:
        Invalid: there is no event file in it.
    """
    found, notes = discover(root, per_folder=wish.per_folder)
    if not found:
        raise Invalid(
            "There is no event file in it (a file with tfevents in its name).",
            fields={"path": "holds no event file"},
        )
    if len(found) > MAX_RUNS:
        raise Invalid(
            f"It holds {len(found)} runs; at most {MAX_RUNS} are taken at once: import its folders one by one.",
            fields={"path": f"holds more than {MAX_RUNS} runs"},
        )
    # Deepest first: a run that moves must not take another one with it.
    found.sort(key=lambda run: (-run.path.count("/") - bool(run.path), run.path))
    if wish.dry_run:
        return _told(db, found, notes, wish, uploaded=uploaded)
    with db.write() as session:
        lock_names(session)  # or a run that is being imported right now would be missed
        experiment = experiments.ensure(session, settings, wish.experiment, owner_id=wish.owner_id, now=now)
        known = store.known_runs(session, experiment.id)
        work = _work(found, known, uploaded=uploaded)
    report = Report(experiment.slug, notes=notes)
    _Import(db, settings, experiment, wish, now, root, uploaded, report, store.last(known)).run(work)
    return report


def _told(db: Database, found: list[Found], notes: list[str], wish: Wish, *, uploaded: bool) -> Report:
    """What an import would do."""
    with db.read() as session:
        experiment = experiments.meant(session, wish.experiment)
        known = [] if experiment is None else store.known_runs(session, experiment.id)
    report = Report(None if experiment is None else experiment.slug, notes=notes, dry_run=True)
    for item in sorted(_work(found, known, uploaded=uploaded), key=lambda work: work.found.path):
        told = _fact(item.found, item.known.id if item.known else None)
        if item.known is None:
            report.added.append(told)
        elif item.grown:
            report.updated.append(told)
        else:
            report.unchanged += 1
    return report


def _work(found: list[Found], known: Sequence[store.Known], *, uploaded: bool) -> list[_Work]:
    outside, inside = store.by_logdir(known), store.by_first_file(known)
    if uploaded:
        return [_Work(run, inside.get((run.path, run.first))) for run in found]
    return [_Work(run, outside.get(str(run.root))) for run in found]


def _fact(found: Found, run_id: int | None) -> Json:
    return {
        "run": run_id,
        "path": found.path or ".",
        "folders": sorted(found.folders),
        "bytes": sum(found.folders.values()),
    }


@dataclass(slots=True)
class _Import:
    """One import, on its way."""

    db: Database
    settings: Settings
    experiment: Experiment
    wish: Wish
    now: datetime
    root: Path
    uploaded: bool
    report: Report
    newest: int  # id of the last run that is known to be there
    others: list[store.Known] = field(default_factory=list)  # that somebody else has imported meanwhile

    def run(self, work: list[_Work]) -> None:
        """Read and write, batch by batch, until all is done or the time is up."""
        until = None if self.wish.seconds is None else time.monotonic() + self.wish.seconds
        todo = [item for item in work if item.known is None or item.grown]
        self.report.unchanged = len(work) - len(todo)
        if self.uploaded:
            for item in work:
                if item.known is not None and not item.grown:
                    _drop(item.found)  # or the run above it would take these files along
        batch: list[tuple[_Work, RunRead]] = []
        for place, item in enumerate(todo):
            if until is not None and time.monotonic() >= until:
                self.report.complete = False
                break
            read = read_run(item.found.root, item.found.folders)
            self.report.notes += [note.replace(f"{self.root}/", "") for note in read.notes]
            batch.append((item, read))
            if len(batch) == BATCH:
                self._store(batch)
                batch = []
                self._tell(place + 1, len(todo))
        self._store(batch)
        self._tell(len(self.report.added) + len(self.report.updated), len(todo))

    def _tell(self, done: int, whole: int) -> None:
        if self.wish.progress is not None:
            self.wish.progress(done, whole)

    def _store(self, batch: list[tuple[_Work, RunRead]]) -> None:
        if not batch:
            return
        with self.db.write() as session:
            new = self._new(session, batch)
            drafts = [(item, self._draft(item.found, read)) for item, read in new]
            store.add(session, [draft for _, draft in drafts], actor=self.wish.actor, now=self.now)
            for item, draft in drafts:
                self._settle(item.found, draft.run.slug)
                self.report.added.append(_fact(item.found, draft.run.id) | {"name": draft.run.name})
                self.newest = max(self.newest, draft.run.id)
            for item, read in batch:
                if item.known is not None:
                    self._grow(session, item.found, item.known, read)

    def _new(self, session: WriteSession, batch: list[tuple[_Work, RunRead]]) -> list[tuple[_Work, RunRead]]:
        """What nobody else has imported meanwhile; nobody else will until the transaction ends."""
        self.others += store.hold(session, self.experiment, after=self.newest)
        again = _work([item.found for item, _ in batch], self.others, uploaded=self.uploaded)
        new = []
        for (item, read), now in zip(batch, again, strict=True):
            if item.known is None and now.known is None:
                new.append((item, read))
            elif item.known is None:
                self.report.unchanged += 1
                if self.uploaded:
                    _drop(item.found)
        self.newest = max(self.newest, store.last(self.others))
        return new

    def _grow(self, session: WriteSession, found: Found, known: store.Known, read: RunRead) -> None:
        if not store.grow(session, known.id, read, origin(found), self.now):
            self.report.notes.append(f"{found.path or '.'}: run {known.id} was deleted meanwhile")
            return
        self._settle(found, known.slug)
        self.report.updated.append(_fact(found, known.id))

    def _draft(self, found: Found, read: RunRead) -> store.Draft:
        params = as_params(read.params) | read_yaml(found.root / HPARAMS_FILE)
        name = _name(found.path or self.root.name)
        run = store.succeeded(
            self.experiment.id,
            name,
            read,
            params,
            tags=self.wish.tags,
            owner_id=self.wish.owner_id,
            now=self.now,
        )
        run.logdir = None if self.uploaded else str(found.root)
        run.imported = origin(found)
        where = f"an upload, {found.path or 'its top'}" if self.uploaded else str(found.root)
        return store.Draft(run, store.metrics_of(read), f"imported from {plain_text(where)[:500]}")

    def _settle(self, found: Found, slug: str) -> None:
        """Move an uploaded run's files into its place. Before the commit: what a crash leaves is a folder without a row."""
        if not self.uploaded:
            return
        target = run_dir(self.settings, self.experiment.slug, slug)
        remove_tree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        found.root.rename(target)


def _drop(found: Found) -> None:
    """Remove the event files of an uploaded run that is here already."""
    for folder in found.folders:
        for file in (found.root / folder).iterdir():
            if EVENT_MARK in file.name and file.is_file():
                file.unlink()


def origin(found: Found) -> Json:
    """What is kept of where a run came from."""
    return {"path": found.path, "folders": found.folders, "first": found.first, "whole": found.whole}


def _name(path: str) -> str:
    """A run's name: its path, one line of what can be shown, its end where it is too long."""
    shown = "".join(char if char.isprintable() else "\ufffd" for char in path).strip() or "run"
    return shown if len(shown) <= MAX_NAME else "…" + shown[-(MAX_NAME - 1) :].strip()
