"""Taking an export back in: the same runs with new ids, their timelines, summaries and curves.

What stands in an export may have been written by anybody: each record is checked, and a run that is not whole is left
out with a note. Importing the same export again adds nothing.
"""

import json
import shutil
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.config import Settings, run_dir
from app.db import Database, WriteSession
from app.disk import shortage
from app.errors import AppError, Invalid, NoSpace
from app.experiments import service as experiments
from app.experiments.queries import lock_names
from app.exports.records import RESTORED, VERSION, EventRecord, Manifest, RunRecord, origin_of
from app.files import remove_tree
from app.imports import store
from app.imports.curves import has_events, write_curves
from app.imports.service import Report, Wish
from app.models import Experiment, Run, RunEvent
from app.runs.words import Reason, RunState
from app.strict import parse
from app.workers.queries import MetricSummary

Json = dict[str, Any]
BATCH = 25
MAX_JSON = 1 << 30
MAX_PARAMS_BYTES = 1 << 20


def is_export(root: Path) -> bool:
    """Whether a folder is an export and no TensorBoard directory."""
    return (root / "manifest.json").is_file() and (root / "runs.json").is_file()


def import_export(db: Database, settings: Settings, root: Path, wish: Wish, now: datetime) -> Report:
    """Take in the export in a folder; the folder stays as it is.

    Raises:
        Invalid: it is none, or of a version that this one does not know.
    """
    manifest = _manifest(root)
    records, notes = _records(root)
    slug = manifest.experiment.slug
    if wish.dry_run:
        return _told(db, manifest, records, notes, wish)
    with db.write() as session:
        lock_names(session)  # or a run that is being imported right now would be missed
        experiment = experiments.ensure(
            session, settings, wish.experiment or manifest.experiment.name, owner_id=wish.owner_id, now=now
        )
        if not experiment.description:
            experiment.description = manifest.experiment.description
        there = store.known_runs(session, experiment.id)
        known = store.by_origin(there)
    report = Report(experiment.slug, notes=notes)
    ids = {run.id: known[key].id for run in records if (key := _origin(slug, run)) in known}
    todo = [run for run in records if run.id not in ids]
    report.unchanged = len(records) - len(todo)
    restorer = _Restorer(db, settings, root, wish, now, experiment, slug, ids, store.last(there))
    for start in range(0, len(todo), BATCH):
        restorer.take(todo[start : start + BATCH], report)
        if wish.progress is not None:
            wish.progress(min(start + BATCH, len(todo)), len(todo))
    return report


class _Restorer:
    """Stores runs batch by batch, oldest first, so that a parent is there before its children."""

    def __init__(
        self, db: Database, settings: Settings, root: Path, wish: Wish, now: datetime, experiment: Experiment,
        source: str, ids: dict[int, int], newest: int,
    ) -> None:  # fmt: skip
        self._db, self._settings, self._root, self._wish, self._now = db, settings, root, wish, now
        self._experiment, self._source, self._ids, self._newest = experiment, source, ids, newest
        self._others: list[store.Known] = []

    def take(self, records: Sequence[RunRecord], report: Report) -> None:
        """Curves and files first, into folders of their own; then the rows, and the folders into their places."""
        made = {record.id: self._folder(record, report.notes) for record in records}
        try:
            with self._db.write() as session:
                records = self._new(session, records, report)
                drafts = [self._draft(record) for record in records]
                store.add(session, drafts, actor=self._wish.actor, now=self._now)
                for record, draft in zip(records, drafts, strict=True):
                    self._ids[record.id] = draft.run.id
                    self._newest = max(self._newest, draft.run.id)
                    self._settle(made[record.id], draft.run)
                    report.added.append(_fact(record, draft.run.id))
                self._link(session, records, drafts)
        finally:
            for folder in made.values():
                remove_tree(folder)

    def _new(
        self, session: WriteSession, records: Sequence[RunRecord], report: Report
    ) -> Sequence[RunRecord]:
        """Those that nobody else has imported meanwhile; nobody else will until the transaction ends."""
        self._others += store.hold(session, self._experiment, after=self._newest)
        there = store.by_origin(self._others)
        known = {run.id: there[key].id for run in records if (key := _origin(self._source, run)) in there}
        self._ids |= known
        self._newest = max(self._newest, store.last(self._others))
        report.unchanged += len(known)
        return [run for run in records if run.id not in known]

    def _folder(self, record: RunRecord, notes: list[str]) -> Path:
        short = shortage(self._settings)
        if short:
            raise NoSpace(f"The rest is not imported: {short}.", retry_after=60)
        folder = self._settings.uploads_dir / f"restore-{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        files = self._root / "files"
        if not files.is_symlink():
            _copy(files / str(record.id), folder)
        series = self._root / "series" / f"{record.id}.parquet"
        linked = series.is_symlink() or series.parent.is_symlink()
        if series.is_file() and not linked and not has_events(folder):
            try:
                write_curves(series, folder, record)
            except (ValueError, OSError) as error:
                notes.append(f"the curves of run {record.id} cannot be read: {error}"[:500])
        return folder

    def _draft(self, record: RunRecord) -> store.Draft:
        values = {name: getattr(record, name) for name in RESTORED}
        state, reason, detail = _ending(record)
        run = Run(
            **values, experiment_id=self._experiment.id, snapshot_id=record.snapshot, owner_id=self._wish.owner_id,
            state=state, reason=reason, detail=detail, created_at=record.created_at,
            started_at=record.started_at, archived_at=record.archived_at,
            finished_at=record.finished_at or record.started_at or record.created_at,
        )  # fmt: skip
        run.tags = list(dict.fromkeys([*record.tags, *self._wish.tags]))
        run.imported = {"origin": _origin(self._source, record), "run": record.id, "experiment": self._source}
        metrics = [
            MetricSummary(
                item.tag, item.step, item.value, item.min, item.max, item.min_step, item.max_step, item.count
            )
            for item in record.metrics
        ]
        history = [_event(event) for event in record.events]
        return store.Draft(
            run, metrics, f"imported from an export: run {record.id} of {self._source}", history
        )

    def _settle(self, made: Path, run: Run) -> None:
        target = run_dir(self._settings, self._experiment.slug, run.slug)
        remove_tree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        made.rename(target)

    def _link(
        self, session: WriteSession, records: Sequence[RunRecord], drafts: Sequence[store.Draft]
    ) -> None:
        """Parents and predecessors by their new ids; those that are not in the export are not known here."""
        for record, draft in zip(records, drafts, strict=True):
            draft.run.parent_id = self._ids.get(record.parent or 0)
            draft.run.after_id = self._ids.get(record.after or 0)
        session.flush()


def _ending(record: RunRecord) -> tuple[RunState, Reason, str | None]:
    """How it ended; one that had not when it was exported is cancelled here: nobody will go on with it."""
    if record.state.terminal and record.reason is not None:
        return record.state, record.reason, record.detail
    return RunState.CANCELLED, Reason.CANCELLED_BY_USER, f"was {record.state} when it was exported"


def _event(event: EventRecord) -> RunEvent:
    return RunEvent(
        at=event.at, actor=event.actor, from_state=event.before, to_state=event.after, reason=event.reason,
        detail=event.detail, attempt=event.attempt,
    )  # fmt: skip


def _origin(source: str, record: RunRecord) -> str:
    return origin_of(source, record.id, record.created_at)


def _copy(source: Path, target: Path) -> None:
    """The run's files. Links are left out: what they lead to is not the export's."""
    if not source.is_dir() or source.is_symlink():
        return
    for entry in sorted(source.iterdir()):
        if entry.is_symlink() or entry.name == ".danlu":
            continue
        if entry.is_dir():
            (target / entry.name).mkdir()
            _copy(entry, target / entry.name)
        elif entry.is_file():
            shutil.copyfile(entry, target / entry.name)


def _manifest(root: Path) -> Manifest:
    found = _json(root / "manifest.json")
    try:
        manifest = Manifest.model_validate_json(json.dumps(found))
    except ValidationError as error:
        raise Invalid(f"manifest.json is not that of an export: {_first(error)}.") from error
    if manifest.version > VERSION:
        raise Invalid(
            f"The export is of version {manifest.version}; this server reads up to {VERSION}: update it first."
        )
    return manifest


def _records(root: Path) -> tuple[list[RunRecord], list[str]]:
    """The runs, oldest first, and what is wrong with those that are left out."""
    found = _json(root / "runs.json")
    runs = found.get("runs") if isinstance(found, dict) else None
    if not isinstance(runs, list):
        raise Invalid('runs.json is not that of an export: it has no list "runs".')
    records: dict[int, RunRecord] = {}
    notes = []
    for place, item in enumerate(runs):
        try:
            record = RunRecord.model_validate_json(json.dumps(item))
            for name in ("params", "git", "env"):
                if len(json.dumps(getattr(record, name))) > MAX_PARAMS_BYTES:
                    raise ValueError(f"{name}: more than 1 MiB")  # noqa: TRY301 - told as the others are
            records[record.id] = record
        except ValidationError as error:
            notes.append(f"run number {place + 1} is left out: {_first(error)}")
        except ValueError as error:
            notes.append(f"run number {place + 1} is left out: {error}")
    if not records and notes:
        raise Invalid(f"No run of the export can be read; {notes[0]}.")
    return [records[key] for key in sorted(records)], notes


def _json(path: Path) -> Any:
    """A JSON file, read as strictly as a request's body."""
    if path.is_symlink() or path.stat().st_size > MAX_JSON:
        raise Invalid(f"{path.name} is no plain file, or larger than 1 GiB.")
    try:
        return parse(path.read_bytes())
    except AppError as error:
        raise Invalid(f"{path.name}: {error.detail}") from error


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:300]


def _fact(record: RunRecord, run_id: int | None) -> Json:
    return {"run": run_id, "path": f"run {record.id}", "folders": [], "bytes": 0, "name": record.name}


def _told(db: Database, manifest: Manifest, records: list[RunRecord], notes: list[str], wish: Wish) -> Report:
    """What an import would do."""
    with db.read() as session:
        experiment = experiments.meant(session, wish.experiment or manifest.experiment.name)
        known = {} if experiment is None else store.by_origin(store.known_runs(session, experiment.id))
    report = Report(experiment.slug if experiment else None, notes=notes, dry_run=True)
    for record in records:
        if _origin(manifest.experiment.slug, record) in known:
            report.unchanged += 1
        else:
            report.added.append(_fact(record, None))
    return report
