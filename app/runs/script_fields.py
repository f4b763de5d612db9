"""The typed form of a script: what its source says of its command line as fields, and what was changed in them.

The form stands with the script's defaults in it. Only what somebody changed becomes a param, so that the script's
own defaults hold for the rest: each input is sent together with what stood in it at first.
"""

import shlex
from typing import Any

from app.runs.forms import PREFIX, Field, Values, as_text, parse
from danlu.scriptform import Option, ScriptForm

BEFORE = "d."
"""Before the names of the hidden inputs that say what stood in a field at first."""


def fields_of(form: ScriptForm, values: Values) -> list[Field]:
    """The inputs for a script, in the order of its source; of subcommands those of the chosen one."""
    chosen = chosen_subcommand(form, values)
    return [_field(option) for option in form.options if option.subcommand in ("", chosen)]


def chosen_subcommand(form: ScriptForm, values: Values) -> str:
    """The subcommand that stands in the form, by its name or its default; "" for none."""
    option = next((option for option in form.options if option.style == "subcommand"), None)
    if option is None:
        return ""
    return values.get(PREFIX + option.name) or as_text(option.default)


def shown(fields: list[Field], values: Values) -> Values:
    """What stands in the inputs: what was typed, and the default where nothing was or where it still stood."""
    found: Values = {}
    for field in fields:
        changed = _changed(field, values)
        found[field.input_name] = field.default if changed is None else changed
    return found


def texts_of(fields: list[Field], params: dict[str, Any]) -> Values:
    """The inputs of these params as if somebody had typed them; a param that the script does not read is left out."""
    return {
        field.input_name: _text(field, params[field.name]) for field in fields if field.name in params
    } | {BEFORE + field.name: field.default for field in fields}


def changes(fields: list[Field], values: Values) -> tuple[dict[str, Any], dict[str, str]]:
    """The params that differ from what the script would take by itself, and errors by input name."""
    touched: list[Field] = []
    errors: dict[str, str] = {}
    for field in fields:
        if _changed(field, values) is not None:
            touched.append(field)
        elif field.required and not field.default:
            errors[field.input_name] = "is needed"
    params, wrong = parse(touched, values)
    return params, errors | wrong


def _changed(field: Field, values: Values) -> str | None:
    """What was typed over the text that stood there before; None where that still stands, or was never shown."""
    before = values.get(BEFORE + field.name)
    typed = values.get(field.input_name)
    if field.kind == "boolean":
        if before is None and typed is None:
            return None
        typed, before = as_text(typed == "true"), as_text((before or field.default) == "true")
    elif typed is None:
        return None
    return None if typed == (field.default if before is None else before) else typed


def _field(option: Option) -> Field:
    choices: tuple[Any, ...] = option.choices
    kind = option.kind
    if kind == "boolean" and option.nullable:
        kind, choices = "choice", (True, False)
    field = Field(
        name=option.name,
        label=option.flags[0] if option.flags else option.name,
        kind=kind,
        help=option.help,
        required=option.required,
        nullable=option.nullable,
        choices=choices,
        minimum=option.minimum,
        maximum=option.maximum,
        item="choice" if option.kind == "list" and choices else option.item,
        placeholder=option.computed,
        bounds=_bounds(option),
    )
    default = _text(field, option.default)
    return Field(**{name: getattr(field, name) for name in Field.__slots__} | {"default": default})


def _text(field: Field, value: Any) -> str:
    if isinstance(value, list) and field.kind == "list":
        return shlex.join(as_text(item) for item in value)
    return as_text(value)


def _bounds(option: Option) -> str:
    low, high = option.minimum, option.maximum
    if low is not None and high is not None:
        return f"{as_text(low)} ≤ x ≤ {as_text(high)}"
    if low is not None:
        return f"≥ {as_text(low)}"
    return f"≤ {as_text(high)}" if high is not None else ""
