"""The new-run page: a form made from a recipe's schema, its errors beside the fields, and the same as commands."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from app.api.queries import recipe_dicts
from app.clock import utcnow
from app.config import Settings
from app.deps import DbDep, SettingsDep
from app.errors import Invalid
from app.fields import MAX_ID
from app.pages.queries import last_recipe
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
from app.runs import forms, queries, repeat, service
from app.runs.definition import complete
from app.runs.forms import Field, Values
from app.runs.schemas import RunCreate
from app.runs.views import Json
from app.web import flash, page, partial, redirect

router = APIRouter()


@router.get("/runs/new")
def new(
    request: Request,
    db: DbDep,
    settings: SettingsDep,
    _principal: Submitter,
    recipe: str | None = None,
    experiment: str = "",
    source: Annotated[int | None, Query(alias="from", ge=1, le=MAX_ID)] = None,
    after: After = None,
) -> Response:
    """The form: of a recipe, or prefilled with what another run was made from."""
    with db.read() as session:
        origin = queries.run_dict(session, settings, source) if source else None
        if origin and origin["snapshot"]:
            return redirect(request, f"/runs/new/script?from={source}")
        chosen = origin["recipe"] if origin else recipe or last_recipe(session, experiment)
        context = _form_context(session, settings, chosen)
    values = {"experiment": experiment[:200], **following(after)}
    if origin:
        values = values_of(origin) | forms.texts_of(context["fields"], origin["params"])
    elif context["recipe"] and not experiment:
        values["experiment"] = context["recipe"]["name"]
    return page(request, "runs/new.html", nav="new", source=origin, **_filled(context, values, {}, settings))


@router.post("/runs/new")
def submit(
    request: Request, db: DbDep, settings: SettingsDep, principal: Submitter, values: ValuesDep
) -> Response:
    """Queue the run and go to its page; or the form again, with what is wrong beside each field (422)."""
    with db.read() as session:
        context = _form_context(session, settings, values.get("recipe"))
    body, errors = read_body(context["fields"], values)
    schema = context["recipe"]["schema"] if context["recipe"] else {}
    errors = _rule_errors(body, schema) | errors
    if not errors:
        try:
            caller = service.Caller(principal)
            made = service.create_run(db, settings, RunCreate.model_validate(body), caller, utcnow())
        except Invalid as error:
            errors = by_input(error.fields or {"": error.detail})
        else:
            response = redirect(request, f"/runs/{made.run['id']}")
            flash(request, response, f"Run #{made.run['id']} is queued.")
            return response
    filled = _filled(context, values, errors, settings)
    if request.headers.get("hx-request"):
        return partial(request, "runs/_form.html", 422, **filled)
    return page(request, "runs/new.html", 422, nav="new", source=None, **filled)


@router.post("/runs/new/repeat")
def repeat_as(
    request: Request, db: DbDep, settings: SettingsDep, _principal: Submitter, values: ValuesDep
) -> Response:
    """The commands for what stands in the form now; what cannot be read yet is left out of them."""
    with db.read() as session:
        fields = _form_context(session, settings, values.get("recipe"))["fields"]
    body, _ = read_body(fields, values)
    return partial(request, "runs/_repeat.html", **_commands(body, settings.origin))


def read_body(fields: list[Field], values: Values) -> tuple[Json, dict[str, str]]:
    """The body of POST /runs that a filled form means, and errors by input for what cannot be read."""
    params, errors = forms.parse(fields, values)
    common, wrong = read_common(values)
    body: Json = {"recipe": values.get("recipe", ""), "params": params} | common
    order = ("experiment", "recipe", "params")
    return {name: body[name] for name in order if name in body} | body, errors | wrong


def commands_of(run: Json, origin: str, params: Json | None = None) -> dict[str, Any]:
    """The commands that make a run's definition again, exactly: its seed included.

    Args:
        params: of a script run, those that its arguments do not say.
    """
    script = ("snapshot", "entrypoint", "environment", "args") if run["snapshot"] else ()
    names = ("experiment", "recipe", *script, "params", "name", "device", "processes", "seed", "priority", "tags",
             "notes", "max_retries", "timeout_s", "env")  # fmt: skip
    body = {name: run[name] for name in names if run[name] not in (None, "", [], {}, "auto", "worker")}
    body = {name: value for name, value in body.items() if value or name == "seed"}
    if body["processes"] == 1:
        del body["processes"]
    if script:
        # the arguments say what of the params they can; what they cannot say has to stand beside them
        return _commands({**body, "params": params} if params else _without(body, "params"), origin)
    return _commands(body if "params" in body else body | {"params": {}}, origin)


def _without(body: Json, name: str) -> Json:
    return {key: value for key, value in body.items() if key != name}


def _commands(body: Json, origin: str) -> dict[str, Any]:
    # `danlu submit` sets no environment variables, and a command that leaves something out is not the same run
    return {"curl": repeat.curl(body, origin), "cli": "" if body.get("env") else repeat.cli(body)}


def _form_context(session: Session, settings: Settings, wanted: str | None) -> dict[str, Any]:
    """Recipes, the chosen one with its fields, and what the inputs suggest."""
    offered = recipe_dicts(session)
    usable = [item for item in offered if item["error"] is None]
    chosen = next((item for item in usable if item["name"] == wanted), usable[0] if usable else None)
    return {
        "recipes": offered,
        "recipe": chosen,
        "fields": forms.fields_of(chosen["schema"]) if chosen else [],
        **suggestions(session, settings),
    }


def _filled(
    context: dict[str, Any], values: Values, errors: dict[str, str], settings: Settings
) -> dict[str, Any]:
    fields: list[Field] = context["fields"]
    # After a submission only what was sent counts: a box that is not ticked is not sent.
    shown = DEFAULTS | (values if "recipe" in values else forms.texts_of(fields, {}) | values)
    recipe = context["recipe"]["name"] if context["recipe"] else ""
    body, _ = read_body(fields, shown | {"recipe": recipe})
    return context | {
        "values": shown,
        "errors": errors,
        "more_open": more_open(shown, errors),
        **_commands(body, settings.origin),
    }


def _rule_errors(body: Json, schema: Json) -> dict[str, str]:
    """Everything that REST would refuse in this body, at once, by input: its own rules and the recipe's."""
    found = rule_errors(body)
    try:
        complete(body["params"], schema)
    except Invalid as error:
        found |= error.fields or {}
    return by_input(found)
