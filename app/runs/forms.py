"""The new-run form: a recipe's JSON Schema as a list of fields, and what was typed back as typed params.

Only types are converted here. Bounds and everything else a recipe demands are checked in one place, by the
service that REST uses too; its errors are put beside the fields by name.
"""

import json
import math
import re
import shlex
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["integer", "number", "boolean", "choice", "text", "json", "list"]
Values = dict[str, str]
"""What stands in the inputs: name → text, as a browser sends it."""

PREFIX = "p."
"""Before the names of params in the form, so that a param called `name` is not the run's name."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z")
_MAX_TEXT = 70_000


@dataclass(frozen=True, slots=True)
class Field:
    """One input of the form.

    Attributes:
        name: key in params.
        kind: which input to show, and how its text is converted.
        default: the text that stands in it at first; "" for none, "true" for a ticked box.
        required: it has no default and may not be left empty.
        nullable: empty means null.
        choices: the values of a `choice`, in the schema's order, as JSON values.
        bounds: in words, such as `0 < x ≤ 1`.
        item: kind of the items of a `list`, which stand in one line as words of a shell.
        placeholder: shown while it is empty.
    """

    name: str
    label: str
    kind: Kind
    default: str = ""
    help: str = ""
    required: bool = False
    nullable: bool = False
    choices: tuple[Any, ...] = ()
    minimum: float | int | None = None
    maximum: float | int | None = None
    max_length: int | None = None
    bounds: str = ""
    item: Kind = "text"
    placeholder: str = ""

    @property
    def input_name(self) -> str:
        """Its name in the form's body."""
        return PREFIX + self.name

    @property
    def options(self) -> list[str]:
        """The choices as the texts of a select."""
        return [as_text(choice) for choice in self.choices]


def fields_of(schema: dict[str, Any]) -> list[Field]:
    """The inputs for a recipe's params, in the order in which its author wrote them."""
    required = set(schema.get("required", ()))
    properties: dict[str, Any] = schema.get("properties", {})
    return [_field(name, part, schema, name in required) for name, part in properties.items()]


def as_text(value: Any) -> str:
    """A JSON value as it stands in an input: strings bare, null empty, numbers as short as they can be exact."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        # 1e-05 rather than 0.00001, but 0.001 and 100 rather than 1e-3 and 1e2
        text = repr(value)
        return text.removesuffix(".0")
    return json.dumps(value, ensure_ascii=False)


def texts_of(fields: list[Field], params: dict[str, Any]) -> Values:
    """What stands in the inputs for these params; what they leave out has its default."""
    return {
        field.input_name: as_text(params[field.name]) if field.name in params else field.default
        for field in fields
    }


def parse(fields: list[Field], values: Values) -> tuple[dict[str, Any], dict[str, str]]:
    """Convert what was typed into params.

    An input that is missing or empty is left out, so that the recipe's default holds; a nullable one with
    another default becomes null. A box that is not ticked is not sent by browsers, and means false.

    Returns:
        params, and errors by input name.
    """
    params: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in fields:
        text = values.get(field.input_name, "")
        if field.kind == "boolean":
            params[field.name] = text == "true"
        elif not text.strip() and field.kind != "text":
            if field.required and not field.nullable:
                errors[field.input_name] = "is needed"
            elif field.nullable and field.default:
                params[field.name] = None
        elif not text and (field.nullable or not field.default):
            if field.required and not field.nullable:
                errors[field.input_name] = "is needed"
        else:
            try:
                params[field.name] = _convert(field, text)
            except ValueError as error:
                errors[field.input_name] = str(error)
    return params, errors


def _convert(field: Field, text: str) -> Any:
    """The typed value of one input; ValueError says in words what is wrong with it."""
    if len(text) > _MAX_TEXT:
        raise ValueError("is too long")
    match field.kind:
        case "integer":
            return whole_number(text)
        case "number":
            return _number(text)
        case "choice":
            for choice in field.choices:
                if as_text(choice) == text:
                    return choice
            raise ValueError("must be one of " + ", ".join(field.options))
        case "json":
            return _json(text)
        case "list":
            return [_convert(replace(field, kind=field.item), word) for word in words_of(text)]
        case _:
            return text


def whole_number(text: str) -> int:
    """The integer that was typed.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    if not _INTEGER.match(text):
        raise ValueError("must be a whole number")
    return int(text)


def words_of(text: str) -> list[str]:
    """A line as a shell would split it; nothing is expanded.

    Raises:
        ValueError: a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {str(error).lower()}") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("must be a number, such as 0.001 or 1e-3") from None
    if not math.isfinite(number) or "_" in text:
        raise ValueError("must be a finite number")
    return number


def _json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"must not hold {name}")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _field(name: str, part: dict[str, Any], schema: dict[str, Any], required: bool) -> Field:
    resolved, nullable = _resolve(part, schema)
    kind, choices = _kind(resolved)
    minimum, maximum, bounds = _bounds(resolved, kind)
    has_default = "default" in part and part["default"] is not None
    return Field(
        name=name,
        label=name,
        kind=kind,
        default=as_text(part["default"]) if has_default else "",
        help=str(part.get("description") or resolved.get("description") or ""),
        required=required,
        nullable=nullable,
        choices=choices,
        minimum=minimum,
        maximum=maximum,
        max_length=resolved.get("maxLength"),
        bounds=bounds,
    )


def _resolve(part: dict[str, Any], schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Follow a reference and take `null` out of an alternative: (the schema that is left, may it be null)."""
    nullable = False
    for _ in range(
        8
    ):  # deeper than any schema that pydantic writes, and an end for one that turns in circles
        if "$ref" in part:
            name = str(part["$ref"]).removeprefix("#/$defs/")
            part = {**schema.get("$defs", {}).get(name, {}), **{k: v for k, v in part.items() if k != "$ref"}}
        elif len(alternatives := [a for a in part.get("anyOf", ()) if a.get("type") != "null"]) == 1:
            nullable = nullable or len(part["anyOf"]) == 2
            part = {**alternatives[0], **{k: v for k, v in part.items() if k != "anyOf"}}
        elif len(part.get("allOf", ())) == 1:
            part = {**part["allOf"][0], **{k: v for k, v in part.items() if k != "allOf"}}
        else:
            break
    return part, nullable


def _kind(part: dict[str, Any]) -> tuple[Kind, tuple[Any, ...]]:
    if "enum" in part:
        return "choice", tuple(part["enum"])
    if "const" in part:
        return "choice", (part["const"],)
    kinds: dict[Any, Kind] = {
        "integer": "integer", "number": "number", "boolean": "boolean", "string": "text",
    }  # fmt: skip
    kind = part.get("type")
    return kinds.get(kind, "json") if isinstance(kind, str) else "json", ()


def _bounds(part: dict[str, Any], kind: Kind) -> tuple[float | int | None, float | int | None, str]:
    """(lowest, highest, in words). HTML has no exclusive bounds: an integer's is moved by one, a float's left out."""
    if kind not in ("integer", "number"):
        if "maxLength" in part:
            return None, None, f"up to {part['maxLength']} characters"
        return None, None, ""
    low, above = part.get("minimum"), part.get("exclusiveMinimum")
    high, below = part.get("maximum"), part.get("exclusiveMaximum")
    left = f"{as_text(above)} < " if above is not None else f"{as_text(low)} ≤ " if low is not None else ""
    right = f" < {as_text(below)}" if below is not None else f" ≤ {as_text(high)}" if high is not None else ""
    words = f"{left}x{right}" if left and right else _one_sided(low, above, high, below)
    if kind == "integer":
        low = above + 1 if above is not None else low
        high = below - 1 if below is not None else high
        return low, high, words
    return low, high, words


def _one_sided(low: Any, above: Any, high: Any, below: Any) -> str:
    for sign, bound in (("≥", low), (">", above), ("≤", high), ("<", below)):
        if bound is not None:
            return f"{sign} {as_text(bound)}"
    return ""
