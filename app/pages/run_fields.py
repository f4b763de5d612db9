"""What both ways of the new-run page ask for beside the code: experiment, name, device, seed and so on."""

from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.requests import Request

from app.auth.deps import Principal, require_page
from app.clock import utcnow
from app.config import Settings
from app.fields import MAX_ID
from app.pages.queries import experiment_slugs
from app.queue.queries import live_offers
from app.runs import forms
from app.runs.forms import PREFIX, Values
from app.runs.schemas import RunCreate
from app.runs.views import Json

Submitter = Annotated[Principal, Depends(require_page("submit"))]
PLAIN = ("experiment", "name", "device", "notes")
WHOLE = ("seed", "priority", "max_retries", "processes", "timeout_s", "after", "parent")
FOLDED = ("seed", "priority", "max_retries", "processes", "timeout_s", "after")
"""Fields behind the fold of the form: it opens when one of them is wrong or not empty."""
DEFAULTS: Values = dict.fromkeys((*PLAIN, *WHOLE, "tags"), "") | {"device": "auto"}
MAX_FIELDS = 4000


async def form_values(request: Request) -> Values:
    """The text fields of the form's body; of a repeated one the last."""
    async with request.form(max_fields=MAX_FIELDS) as form:
        return {name: value for name, value in form.multi_items() if isinstance(value, str)}


After = Annotated[int | None, Query(ge=1, le=MAX_ID)]
ValuesDep = Annotated[Values, Depends(form_values)]


def suggestions(session: Session, settings: Settings) -> dict[str, Any]:
    """What the inputs suggest: experiments and devices."""
    devices = {
        str(device["device"])
        for offer in live_offers(session, settings, utcnow())
        for device in offer.devices
    }
    return {"experiments": experiment_slugs(session), "devices": ["auto", *sorted(devices)]}


def following(after: int | None) -> Values:
    """The field that an address fills which asks for a run after another one."""
    return {} if after is None else {"after": str(after)}


def read_common(values: Values) -> tuple[Json, dict[str, str]]:
    """The part of POST /runs that these fields mean, and errors by input for what cannot be read."""
    body: Json = {}
    errors: dict[str, str] = {}
    for name in PLAIN:
        text = values.get(name, "").strip()
        if text and text != DEFAULTS[name]:
            body[name] = text
    if "experiment" not in body:
        errors["experiment"] = "is needed"
    for name in WHOLE:
        text = values.get(name, "").strip()
        if text:
            try:
                body[name] = forms.whole_number(text)
            except ValueError as error:
                errors[name] = str(error)
    tags = [tag.strip() for tag in values.get("tags", "").split(",")]
    if any(tags):
        body["tags"] = [tag for tag in tags if tag]
    return body, errors


def values_of(run: Json) -> Values:
    """What stands in these fields for a run that is cloned: everything but its seed's luck stays."""
    values = {name: forms.as_text(run[name]) for name in (*PLAIN, *FOLDED)}
    for name in ("priority", "max_retries"):
        values[name] = values[name] if run[name] else ""
    values["processes"] = values["processes"] if run["processes"] > 1 else ""
    # What it once waited for has nothing to do with the new one.
    return values | {"after": "", "tags": ", ".join(run["tags"]), "parent": str(run["id"])}


def rule_errors(body: Json) -> dict[str, str]:
    """Everything that the rules of POST /runs refuse in this body, by REST's field names."""
    found: dict[str, str] = {}
    try:
        RunCreate.model_validate(body)
    except ValidationError as error:
        for item in error.errors():
            message = str(item["msg"]).removeprefix("Value error, ")
            found.setdefault(".".join(str(part) for part in item["loc"]), message)
    return found


def by_input(fields: dict[str, str], others: tuple[str, ...] = ()) -> dict[str, str]:
    """Errors by REST's field names (`params.lr`, `tags.0`) put under the names of the inputs (`p.lr`, `tags`).

    Args:
        others: names that the form has beside the common ones.
    """
    named: dict[str, str] = {}
    for name, message in fields.items():
        head, _, rest = name.partition(".")
        if head == "params" and rest:
            named.setdefault(PREFIX + rest.partition(".")[0], message)
        elif head in (*PLAIN, *WHOLE, "tags", *others) and head != "parent":
            named.setdefault(head, message)
        else:
            named.setdefault("", f"{name} {message}".strip())
    return named


def more_open(values: Values, errors: dict[str, str]) -> bool:
    """Whether the fold of the rarer fields has something to show."""
    return any(errors.get(name) or values.get(name) for name in FOLDED)
