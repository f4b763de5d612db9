"""Params of a run, checked before the run is stored: their limits, then the recipe's published JSON Schema.

The recipe's own pydantic model, which made that schema, checks them again in the run process; here no torch and
no recipe is imported.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from app.errors import Invalid
from app.fields import one_line, storable

Json = dict[str, Any]

MAX_PARAMS = 200
"""Keys of `params`, those of nested objects included."""
MAX_PARAMS_BYTES = 64 * 1024
"""Size of `params` as JSON."""
MAX_PARAMS_DEPTH = 8
# Inside these both databases and Python agree; outside, JSON readers round silently.
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


def complete(params: Json, schema: Json) -> Json:
    """The params as they are stored: checked, and with the recipe's defaults filled in.

    Raises:
        Invalid: with one message per wrong field, named `params.lr`, with the bound and the remedy.
    """
    errors = dict(_limits(params)) or dict(_schema_errors(params, schema))
    if errors:
        first = next(iter(errors.items()))
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Invalid(f"{first[0]} {first[1]}{more}", fields=errors)
    filled: Json = _with_defaults(params, schema, schema)
    return filled


# Limits, whatever the recipe.


def _limits(params: Json) -> Iterator[tuple[str, str]]:
    if len(params) > MAX_PARAMS:
        yield "params", f"has {len(params)} keys; at most {MAX_PARAMS}"
        return
    bad, keys = _walk(params, "params", 1)
    yield from bad
    if bad:
        return
    if keys > MAX_PARAMS:
        yield "params", f"has {keys} keys, nested ones included; at most {MAX_PARAMS}"
    size = len(json.dumps(params, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_PARAMS_BYTES:
        yield "params", f"is {size} bytes as JSON; at most {MAX_PARAMS_BYTES} (64 kB)"


def _walk(value: object, path: str, depth: int) -> tuple[list[tuple[str, str]], int]:
    """Wrong values at and below `value`, and how many keys there are."""
    if isinstance(value, dict | list) and depth > MAX_PARAMS_DEPTH:
        return [(path, f"is nested deeper than {MAX_PARAMS_DEPTH} levels")], 0
    bad: list[tuple[str, str]] = []
    keys = 0
    if isinstance(value, dict):
        for key, item in value.items():
            wrong = _wrong_key(key)
            if wrong:
                bad.append((path, wrong))
                continue
            below, more = _walk(item, f"{path}.{key}", depth + 1)
            bad, keys = bad + below, keys + more + 1
    elif isinstance(value, list):
        for index, item in enumerate(value):
            below, more = _walk(item, f"{path}.{index}", depth + 1)
            bad, keys = bad + below, keys + more
    else:
        message = _wrong_scalar(value)
        bad = [(path, message)] if message else []
    return bad, keys


def _wrong_key(key: object) -> str | None:
    if not isinstance(key, str) or not 1 <= len(key) <= 100:
        return "has a key that is empty or longer than 100 characters"
    try:
        one_line(key)
    except ValueError as error:
        return f"has a key that {error}"
    return None


def _wrong_scalar(value: object) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return (
            None if _INT_MIN <= value <= _INT_MAX else "must be within the 64-bit integers (-2^63 to 2^63-1)"
        )
    if isinstance(value, float):
        return None if math.isfinite(value) else "must be a finite number"
    if not isinstance(value, str):
        return "must be a JSON value"
    try:
        storable(value)
    except ValueError as error:
        return str(error)
    return None


# The recipe's schema.


def _schema_errors(params: Json, schema: Json) -> Iterator[tuple[str, str]]:
    for error in sorted(
        Draft202012Validator(schema).iter_errors(params), key=lambda item: list(map(str, item.path))
    ):
        yield from _explain(error)


def _explain(error: ValidationError) -> Iterator[tuple[str, str]]:
    """One violated keyword as field → message."""
    path = ".".join(["params", *(str(part) for part in error.absolute_path)])
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield f"{path}.{key}", f"is not a parameter of this recipe; it has {_listed(known)}"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield f"{path}.{key}", "is required; it has no default"
    elif error.validator in {"anyOf", "oneOf"}:
        yield path, _any_of(error)
    else:
        rule = _rule(error.validator, error.validator_value, error.schema)
        yield path, f"{rule}; got {_shown(error.instance)}"


def _any_of(error: ValidationError) -> str:
    """Of an optional value, what its one real alternative says; else the alternatives."""
    inner = [item for item in error.context or [] if item.schema.get("type") != "null"]
    if len(inner) == 1:
        item = inner[0]
        return f"{_rule(item.validator, item.validator_value, item.schema)}, or null; got {_shown(item.instance)}"
    kinds = [
        str(option.get("type") or option.get("enum") or "another form") for option in error.validator_value
    ]
    return f"must be one of: {', '.join(kinds)}; got {_shown(error.instance)}"


def _rule(keyword: str, bound: object, schema: Json) -> str:
    """A violated keyword as the end of a sentence, with all bounds of the value."""
    if keyword == "type":
        wanted = " or ".join(bound) if isinstance(bound, list) else str(bound)
        return f"must be {_article(wanted)}{_range(schema)}"
    if keyword in {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}:
        return f"must be{_range(schema)}"
    texts = {
        "enum": f"must be one of {_shown(bound)}",
        "const": f"must be {_shown(bound)}",
        "multipleOf": f"must be a multiple of {bound}",
        "minLength": f"must have at least {bound} characters",
        "maxLength": f"must have at most {bound} characters",
        "pattern": f"must match {bound}",
        "minItems": f"must have at least {bound} items",
        "maxItems": f"must have at most {bound} items",
        "uniqueItems": "must not repeat an item",
    }
    return texts.get(keyword, f"does not satisfy {keyword} {_shown(bound)}")


def _range(schema: Json) -> str:
    """` greater than 0 and at most 1` out of a schema's bounds; nothing when it has none."""
    words = {
        "exclusiveMinimum": "greater than", "minimum": "at least", "exclusiveMaximum": "less than", "maximum": "at most",
    }  # fmt: skip
    parts = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    return f" {' and '.join(parts)}" if parts else ""


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _listed(known: Json) -> str:
    return ", ".join(sorted(known)) or "none"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _with_defaults(value: Any, schema: Json, root: Json) -> Any:
    """The value with missing properties taken from the schema, and whole floats as integers where it says so."""
    schema = _resolved(schema, root)
    if isinstance(value, float) and schema.get("type") == "integer" and value.is_integer():
        return int(value)  # JSON Schema calls 64.0 an integer, Python does not
    if not isinstance(value, dict):
        return value
    filled: Json = {}
    for key, below in schema.get("properties", {}).items():
        if key in value:
            filled[key] = _with_defaults(value[key], below, root)
        elif "default" in below:
            filled[key] = below["default"]
    return filled | {key: item for key, item in value.items() if key not in filled}


def _resolved(schema: Json, root: Json) -> Json:
    """The schema behind a local `$ref` or the one real alternative of an optional value."""
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        schema = options[0]
    reference = schema.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return schema
    target: Json = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
    return target
