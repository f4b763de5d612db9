"""What a script run is: an entrypoint of a snapshot, and the command line that params and arguments make together.

Params and arguments are two ways to say the same. Stored are both: `args`, the whole command line, which is what runs, and
`params`, everything that is known of the options, for tables and comparisons.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from app.config import Settings
from app.db import WriteSession
from app.environments import store as environments
from app.errors import Invalid
from app.models import Run, Snapshot
from app.runs.definition import complete
from app.runs.schemas import RunCreate
from app.snapshots import forms, queries, store
from danlu.scriptform import ScriptForm, command, defaults, params_of

Json = dict[str, Any]
MAX_COMMAND = 2000
"""Characters of a command line for the shell."""
_ENVIRONMENT = re.compile(r"worker|cold|uv|shell|venv:[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Script:
    """The part of a run's definition that a script has and a recipe has not."""

    snapshot_id: str
    entrypoint: str
    environment: str
    form: ScriptForm

    @property
    def name(self) -> str:
        """What the run is called when nobody says: the script's name without its suffix."""
        if self.environment == "shell":
            return _SPACES.sub(" ", self.entrypoint).strip()[:60].strip()
        return PurePosixPath(self.entrypoint).stem

    def settled(self, params: Json, args: list[str]) -> tuple[list[str], Json]:
        """`settle` with the form of this script."""
        return settle(self.form, params, args, self.entrypoint)


def find(session: WriteSession, settings: Settings, body: RunCreate, now: datetime) -> Script:
    """The script that a request names; its snapshot counts as used now.

    Raises:
        Invalid: naming the field: no such snapshot or entrypoint, arguments beside a command line.
        BadSyntax: the entrypoint is not Python.
    """
    snapshot = _snapshot(session, settings, body.snapshot or "")
    # First: whoever removes unused code waits for it and sees it, or has removed it before.
    if not queries.touch(session, snapshot.id, now):
        raise _gone(snapshot.id)
    folder = store.folder_of(settings, snapshot.id)
    if body.environment == "shell":
        entrypoint, form = _command_line(body), forms.NOTHING
    else:
        entrypoint = _entrypoint(snapshot, settings, body)
        form = forms.form_of(snapshot, folder, entrypoint)
        # The worker reads there which params are constants of this script; few forms are made at the upload.
        snapshot.forms = {entrypoint: form.to_dict(), **snapshot.forms}
    return Script(snapshot.id, entrypoint, body.environment, form)


def check_environment(session: WriteSession, environment: str) -> None:
    """Refuse an environment that is none, or a virtual environment that no admin has registered.

    Raises:
        Invalid: with what there is.
    """
    if not _ENVIRONMENT.fullmatch(environment):
        message = "must be worker, cold, uv, shell or venv:NAME"
        raise Invalid(f"environment {message}.", fields={"environment": message})
    name = environment.removeprefix("venv:")
    if name == environment:
        return
    known = environments.names(session)
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "an administrator registers one under Settings"
        message = f"names no registered environment; {there}"
        raise Invalid(f"environment {message}.", fields={"environment": message})


def settle(form: ScriptForm, params: Json, args: list[str], entrypoint: str) -> tuple[list[str], Json]:
    """The whole command line, and everything that is known of the params, out of what a request gives of both.

    Raises:
        Invalid: a param that the script does not read, one with a wrong value, one that `args` gives differently, or a
            required one that is missing.
    """
    if form.kind == "none":
        return list(args), complete(params, {"type": "object"})
    typed = _typed(form, params, entrypoint)
    said, _ = params_of(form, args)
    errors = {
        f"params.{name}": f"is {value!r} here and {said[name]!r} in args; give it once"
        for name, value in typed.items()
        if name in said and said[name] != value
    }
    known = defaults(form) | said | typed
    if not args:
        missing = [option.name for option in form.options if option.required and not option.subcommand]
        errors |= {f"params.{name}": f"is required by {entrypoint}" for name in missing if name not in known}
    if errors:
        name, message = next(iter(errors.items()))
        raise Invalid(f"{name} {message}", fields=errors)
    fresh = {name: value for name, value in typed.items() if name not in said}
    try:
        return command(form, fresh, args), known
    except ValueError as error:
        raise _named(form, error) from error


def form_of_run(session: WriteSession, settings: Settings, run: Run) -> ScriptForm:
    """The form of a run's script.

    Raises:
        Invalid: its snapshot is gone.
    """
    if run.environment == "shell":
        return forms.NOTHING
    snapshot = _snapshot(session, settings, run.snapshot_id or "")
    return forms.form_of(snapshot, store.folder_of(settings, snapshot.id), run.entrypoint or "")


def asked(
    form: ScriptForm, run: Run, params: Json | None = None, args: list[str] | None = None
) -> tuple[Json, list[str]]:
    """Params and arguments with which a request makes a run like this one.

    Args:
        params: changes, merged into the run's own: its command line is made anew. Words that the form does not know
            stay as they are.
        args: take the place of the run's whole command line; None keeps it.
    """
    words = list(run.args) if args is None else list(args)
    if form.kind == "none":
        return {**run.params, **(params or {})}, words
    if form.kind == "constants":
        # What the script says by itself is not asked for: other code may say something else, or have no such name.
        own = defaults(form)
        kept = {name: value for name, value in run.params.items() if name not in own or own[name] != value}
        return {**kept, **(params or {})}, words
    if not params:
        return {}, words
    said, rest = params_of(form, words)
    return {**said, **params}, rest


def _typed(form: ScriptForm, params: Json, entrypoint: str) -> Json:
    """The params that were given, checked against what the script takes."""
    names = [option.name for option in form.options]
    unknown = [name for name in params if name not in names]
    if unknown:
        message = f"is not an option that {entrypoint} reads (it has {_listed(names)}); put it into args"
        raise Invalid(
            f"params.{unknown[0]} {message}", fields={f"params.{name}": message for name in unknown}
        )
    schema = form.schema()
    filled = complete(params, {key: part for key, part in schema.items() if key != "required"})
    return {name: filled[name] for name in params}


def _named(form: ScriptForm, error: ValueError) -> Invalid:
    """A refusal of the form, under the param that its message begins with."""
    text = str(error)
    name = text.partition(" ")[0]
    field = f"params.{name}" if form.option(name) else "params"
    return Invalid(f"params.{text}" if form.option(name) else text, fields={field: text})


def _snapshot(session: WriteSession, settings: Settings, snapshot_id: str) -> Snapshot:
    found = queries.find(session, snapshot_id)
    if found is None or not store.folder_of(settings, snapshot_id).is_dir():
        raise _gone(snapshot_id)
    return found


def _gone(snapshot_id: str) -> Invalid:
    message = "is not here (any more); upload it with POST /snapshots"
    return Invalid(f"The snapshot {snapshot_id} {message}.", fields={"snapshot": message})


def _entrypoint(snapshot: Snapshot, settings: Settings, body: RunCreate) -> str:
    wanted = body.entrypoint or next(iter(snapshot.entrypoints), None)
    if wanted is None:
        message = "is needed: the snapshot holds no script that could be guessed"
        raise Invalid(f"entrypoint {message}.", fields={"entrypoint": message})
    path = forms.check_entrypoint(snapshot, store.folder_of(settings, snapshot.id), wanted)
    if path.endswith(".sh"):
        message = f'is a shell script; set environment to "shell" and entrypoint to "bash {path}"'
        raise Invalid(f"entrypoint {message}.", fields={"entrypoint": message})
    return path


def _command_line(body: RunCreate) -> str:
    line = (body.entrypoint or "").strip()
    errors = {}
    if not line or len(line) > MAX_COMMAND:
        errors["entrypoint"] = (
            f"must be a command line of 1 to {MAX_COMMAND} characters, such as bash train.sh"
        )
    if body.args:
        errors["args"] = (
            "are a part of the command line where the environment is shell: write them into entrypoint"
        )
    if errors:
        name, message = next(iter(errors.items()))
        raise Invalid(f"{name} {message}.", fields=errors)
    return line


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
