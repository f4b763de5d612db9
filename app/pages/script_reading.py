"""What a filled form of the script way means: the script's own form, the params, the arguments, the command line."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.pages.script_draft import Draft
from app.runs import script_fields
from app.runs.forms import PREFIX, Field, Values, words_of
from app.runs.views import Json
from danlu.scriptform import ScriptError, ScriptForm, check, command, defaults, params_of, read_form

ENVIRONMENTS = {
    "worker": ("The worker's, warm", "Starts at once: PyTorch is in memory already."),
    "cold": ("The worker's, started anew", "The same interpreter, from nothing, as `python train.py`."),
    "uv": ("uv", "What a PEP 723 block, requirements.txt or pyproject.toml asks for, by `uv run`."),
    "shell": ("Shell command", "bash runs a command line in the folder of the code."),
}
"""Choice → its name and what it means; registered virtual environments come between."""
LINED = ("argparse", "dataclass", "click", "typer")
"""Kinds of forms whose fields can be given as an argument line instead."""


@dataclass(slots=True)
class Reading:
    """What the form says.

    Attributes:
        form: what the script's source says of its command line; None without a source, or with an error in it.
        place: the syntax error.
        mode: `form` or `line`: how the arguments are given.
        fields: the inputs of the form.
        values: what stands in the inputs.
        params: what somebody changed.
        args: the arguments beside those, or all of them in the mode `line`.
        argv: the whole command line behind the script's name.
        errors: by input.
    """

    draft: Draft
    values: Values
    form: ScriptForm | None = None
    place: ScriptError | None = None
    mode: str = "form"
    fields: list[Field] = field(default_factory=list)
    params: Json = field(default_factory=dict)
    args: list[str] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> str:
        """As chosen."""
        return self.values.get("environment") or "worker"

    @property
    def toggle(self) -> bool:
        """Whether there is a choice between fields and an argument line."""
        return self.form is not None and self.form.kind in LINED and self.environment != "shell"

    @property
    def constants(self) -> Json:
        """The constants that are set, of a script that has nothing else."""
        return self.params if self.form is not None and self.form.kind == "constants" else {}

    @property
    def command(self) -> str:
        """As a person would type it."""
        entrypoint = self.draft.entrypoint or self.draft.filename
        if self.environment == "shell":
            return entrypoint
        start = ["uv", "run"] if self.environment == "uv" else ["python"]
        return shlex.join([*start, entrypoint, *self.argv])

    def all_params(self) -> Json:
        """What the run's params will be: the defaults, what the arguments say, what was changed."""
        if self.form is None:
            return self.params
        return defaults(self.form) | params_of(self.form, self.argv)[0] | self.params


def read(
    draft: Draft, source: str | None, values: Values, find: Callable[[str], str | None] | None = None
) -> Reading:
    """Read the form of this draft.

    Args:
        source: text of the entrypoint; None when there is none.
        values: as the browser sent them.
        find: gives the source of a module that stands beside it.
    """
    reading = Reading(draft, dict(values))
    if reading.environment == "shell" or source is None:
        _read_free(reading)
        return reading
    try:
        reading.form = read_form(source, draft.entrypoint, find=find)
    except ScriptError as error:
        reading.place = error
        reading.errors["code"] = error.message
        return reading
    if reading.form.kind == "none":
        _read_free(reading)
    _choose_mode(reading, reading.form)
    if reading.mode == "line":
        reading.args = _words(reading, "line")
        reading.argv = reading.args
        return reading
    reading.fields = script_fields.fields_of(reading.form, reading.values)
    changed, errors = script_fields.changes(reading.fields, reading.values)
    reading.params |= changed
    reading.errors |= errors
    reading.args = _words(reading, "extra")
    reading.argv = _argv(reading, reading.form)
    reading.values |= script_fields.shown(reading.fields, reading.values)
    return reading


def filled(form: ScriptForm | None, args: list[str], params: Json) -> Values:
    """The form's inputs for a run with these arguments and params, as if somebody had typed them."""
    if form is None or form.kind == "none":
        return {"extra": shlex.join(args), "free": json.dumps(params, ensure_ascii=False) if params else ""}
    known, left = (params, args) if form.kind == "constants" else params_of(form, args)
    values = {PREFIX + name: str(value) for name, value in known.items() if _chooses(form, name)}
    fields = script_fields.fields_of(form, values)
    return script_fields.texts_of(fields, known) | {"extra": shlex.join(left)}


def _read_free(reading: Reading) -> None:
    """Params of a script that says nothing of its own: as JSON, where a run that is cloned has some."""
    text = reading.values.get("free", "").strip()
    if not text:
        return
    try:
        params = json.loads(text)
    except (ValueError, RecursionError):
        params = None
    if isinstance(params, dict):
        reading.params = params
    else:
        reading.errors["free"] = 'must be a JSON object, such as {"lr": 0.1}'


def _chooses(form: ScriptForm, name: str) -> bool:
    option = form.option(name)
    return option is not None and option.style == "subcommand"


def _choose_mode(reading: Reading, form: ScriptForm) -> None:
    """The mode that is asked for; what stood in the other one comes along."""
    values = reading.values
    before = values.get("was", "form")
    reading.mode = values.get("mode", "form") if form.kind in LINED else "form"
    if reading.mode == before or before not in ("form", "line"):
        return
    if reading.mode == "line":
        fields = script_fields.fields_of(form, values)
        reading.params, _ = script_fields.changes(fields, values)
        reading.args = _words(reading, "extra")
        values["line"] = shlex.join(_argv(reading, form))
        reading.params = {}
    else:
        values |= filled(form, _words(reading, "line"), {})


def _argv(reading: Reading, form: ScriptForm) -> list[str]:
    """The whole command line; what the script would not take is an error beside its field, and left out."""
    good: Json = {}
    for name, value in reading.params.items():
        option = form.option(name)
        try:
            if option is not None:
                check(option, value)
            good[name] = value
        except ValueError as error:
            reading.errors.setdefault(PREFIX + name, str(error).removeprefix(name).strip())
    try:
        return command(form, good, reading.args)
    except ValueError as error:
        reading.errors.setdefault("", str(error))
        return reading.args


def _words(reading: Reading, name: str) -> list[str]:
    try:
        return words_of(reading.values.get(name, ""))
    except ValueError as error:
        reading.errors[name] = str(error)
        return []


def environment_choices(names: list[str], chosen: str) -> dict[str, Any]:
    """What the select of environments shows: names and meanings by value.

    Args:
        names: registered virtual environments.
        chosen: is shown, too, when it is none (any more).
    """
    venvs = {f"venv:{name}": (name, "A virtual environment of the workers.") for name in names}
    *first, last = ENVIRONMENTS.items()
    offered = dict(first) | venvs | dict([last])
    offered.setdefault(chosen, (chosen[:100], "Not registered (any more)."))
    return {
        "names": {value: name for value, (name, _) in offered.items()},
        "environments": {value: words for value, (_, words) in offered.items()},
    }
