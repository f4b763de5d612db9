"""The new-run page for a script: its code in an editor, a form read from its source, and what differs from a parent."""

from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from app.auth.deps import require_code
from app.clock import utcnow
from app.config import Settings
from app.deps import DbDep, SettingsDep
from app.environments import store as environments
from app.errors import AppError, Invalid
from app.fields import MAX_ID
from app.pages import script_code
from app.pages.run_fields import (
    DEFAULTS,
    After,
    Submitter,
    ValuesDep,
    by_input,
    following,
    more_open,
    read_common,
    rule_errors,
    suggestions,
    values_of,
)
from app.pages.script_draft import read_draft
from app.pages.script_reading import Reading, environment_choices, filled, read
from app.runs import codediff, queries, repeat, service
from app.runs.forms import Values
from app.runs.schemas import RunCreate
from app.runs.views import Json
from app.web import flash, page, partial, redirect

router = APIRouter(prefix="/runs/new/script")
OWN = ("code", "entrypoint", "environment", "extra", "line", "free")
"""Inputs beside those that a recipe's form has, too."""
SETTINGS = ("experiment", "entrypoint", "environment", "device")
"""What is compared with a parent beside params and code."""


@router.get("")
def new(
    request: Request,
    db: DbDep,
    settings: SettingsDep,
    principal: Submitter,
    experiment: str = "",
    source: Annotated[int | None, Query(alias="from", ge=1, le=MAX_ID)] = None,
    after: After = None,
) -> Response:
    """The form: empty, or prefilled with the code and the arguments of another run."""
    values: Values = {"experiment": experiment[:200] or "scripts", **following(after)}
    with db.read() as session:
        origin = queries.run_dict(session, settings, source) if source else None
        if origin:
            values = _values_of(session, settings, origin)
        context = _context(session, settings, values, {})
    return page(
        request, "runs/new_script.html", nav="new", source=origin, restore=True,
        may_submit_code=principal.submit_code, **context,
    )  # fmt: skip


@router.post("/read")
def read_again(
    request: Request, db: DbDep, settings: SettingsDep, principal: Submitter, values: ValuesDep
) -> Response:
    """The parts that follow the code: its form, its command line, what differs from the parent."""
    require_code(principal)
    with db.read() as session:
        context = _context(session, settings, values, {})
    # While something is typed the old form stays: a line that is not finished is no reason to take it away.
    return partial(request, "runs/_script_parts.html", whole=context["place"] is None, **_calm(context))


@router.post("/command")
def command_again(
    request: Request, db: DbDep, settings: SettingsDep, principal: Submitter, values: ValuesDep
) -> Response:
    """The parts that follow the fields: the command line, and what differs from the parent."""
    require_code(principal)
    with db.read() as session:
        context = _context(session, settings, values, {})
    return partial(request, "runs/_script_follows.html", **context)


@router.post("")
def submit(
    request: Request, db: DbDep, settings: SettingsDep, principal: Submitter, values: ValuesDep
) -> Response:
    """Store the code, queue the run and go to its page; or say what is wrong beside each field (422)."""
    require_code(principal)
    with db.read() as session:
        reading = _read(session, settings, values)
    body, errors = read_body(reading)
    errors = by_input(rule_errors(body), OWN) | errors
    if not errors:
        try:
            body["snapshot"] = script_code.stored(db, settings, reading.draft, principal, utcnow())
            with db.read() as session:
                body["git"] = script_code.git_of(session, settings, body.get("parent"), body["snapshot"])
            caller = service.Caller(principal)
            made = service.create_run(db, settings, RunCreate.model_validate(body), caller, utcnow())
        except AppError as error:
            # what is wrong with an upload is wrong with the code
            fields = {"code" if name == "body" else name: text for name, text in (error.fields or {}).items()}
            errors = by_input(fields or {"": error.detail}, OWN)
        else:
            response = redirect(request, f"/runs/{made.run['id']}")
            flash(request, response, f"Run #{made.run['id']} is queued.")
            return response
    with db.read() as session:
        context = _context(session, settings, values, errors)
    if request.headers.get("hx-request"):
        return partial(request, "runs/_script_refused.html", 422, **context)
    return page(
        request, "runs/new_script.html", 422, nav="new", source=None, restore=False,
        may_submit_code=True, **context,
    )  # fmt: skip


def read_body(reading: Reading) -> tuple[Json, dict[str, str]]:
    """The body of POST /runs that the form means, with the snapshot it began with, and errors by input."""
    body, errors = read_common(reading.values)
    draft = reading.draft
    if draft.empty:
        errors["code"] = "Paste a script, or drop a file, first."
    elif not draft.entrypoint:
        shell = reading.environment == "shell"
        message = "is needed" if shell else "There is no .py file; choose the environment Shell command."
        errors["entrypoint" if shell else "code"] = message
    body |= {"snapshot": draft.base or "0" * 64, "entrypoint": draft.entrypoint}
    if reading.environment != "worker":
        body["environment"] = reading.environment
    if reading.params:
        body["params"] = reading.params
    if reading.args:
        body["args"] = reading.args
    return body, errors | reading.errors


def _read(session: Session, settings: Settings, values: Values) -> Reading:
    known = script_code.entrypoints(session, values.get("snapshot", "").strip())
    draft, errors = read_draft(values, known)
    source = script_code.source_of(settings, draft)
    reading = read(draft, source, DEFAULTS | values, script_code.finder(settings, draft))
    reading.errors = errors | reading.errors
    return reading


def _context(session: Session, settings: Settings, values: Values, errors: dict[str, str]) -> dict[str, Any]:
    """What the templates of the page need."""
    reading = _read(session, settings, values)
    found = errors or ({"code": reading.errors["code"]} if "code" in reading.errors else {})
    body, _ = read_body(reading)
    return {
        "draft": reading.draft,
        "values": reading.values,
        "errors": found,
        "place": reading.place,
        "form": reading.form,
        "fields": reading.fields,
        "mode": reading.mode,
        "toggle": reading.toggle,
        "environment": reading.environment,
        "command": reading.command,
        "constants": reading.constants,
        "cli": _cli(reading, body),
        "usual_name": PurePosixPath(reading.draft.entrypoint or reading.draft.filename).stem,
        "more_open": more_open(reading.values, found),
        "limit": settings.snapshot_limit_mib * 2**20,
        **environment_choices(environments.names(session), reading.environment),
        **suggestions(session, settings),
        **_changes(session, settings, reading, body),
    }


def _cli(reading: Reading, body: Json) -> str:
    """The same from a terminal in the folder of the code; nothing where the command there depends on more than that."""
    if reading.environment != "worker" or not reading.draft.entrypoint:
        return ""
    own = ("snapshot", "entrypoint", "environment", "params", "args")
    common = {name: value for name, value in body.items() if name not in own}
    said = reading.constants or ({} if reading.fields else reading.params)
    return repeat.cli(common | {"recipe": reading.draft.entrypoint, "params": said, "args": reading.argv})


def _calm(context: dict[str, Any]) -> dict[str, Any]:
    """Without the errors of fields: those are said when the form is sent."""
    return context | {"errors": {name: text for name, text in context["errors"].items() if name == "code"}}


def _changes(session: Session, settings: Settings, reading: Reading, body: Json) -> dict[str, Any]:
    """What differs from the run that the form was made from."""
    parent = reading.values.get("parent", "")
    if not parent.isdecimal() or not queries.run_exists(session, int(parent)):
        return {"parent": None, "param_changes": [], "code_changes": []}
    origin = queries.run_dict(session, settings, int(parent))
    now = {name: body.get(name, "worker" if name == "environment" else "auto") for name in SETTINGS}
    changed = codediff.params({name: origin[name] for name in SETTINGS}, now)
    params = origin["params"]
    changed += codediff.params(params, reading.all_params())
    if not reading.form or reading.form.kind == "none":
        changed += codediff.params({"arguments": origin["args"]}, {"arguments": reading.argv})
    old, new = script_code.compared(settings, origin["snapshot"], reading.draft)
    return {"parent": origin, "param_changes": changed, "code_changes": codediff.files(old, new)}


def _values_of(session: Session, settings: Settings, run: Json) -> Values:
    """What stands in the form for a run that is cloned.

    Raises:
        Invalid: it was not made from a script, or its code is gone.
    """
    known = script_code.entrypoints(session, run["snapshot"] or "")
    if known is None:
        raise Invalid(f"Run {run['id']} has no script to begin with.", fields={"from": "has no script"})
    values = values_of(run) | {
        "snapshot": run["snapshot"], "entrypoint": run["entrypoint"], "environment": run["environment"],
    }  # fmt: skip
    draft, _ = read_draft(values, known)
    form = read(
        draft, script_code.source_of(settings, draft), values, script_code.finder(settings, draft)
    ).form
    return values | filled(form, run["args"], run["params"])
