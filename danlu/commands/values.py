"""Values as people type them on a command line."""

from __future__ import annotations

import json
import math
from typing import Any

from danlu.commands import output
from danlu.commands.output import Exit

Json = dict[str, Any]


def read_params(settings: list[str]) -> Json:
    """`["lr=0.1", "name=x"]` as params: the value is JSON where it is valid JSON, else a string."""
    params: Json = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            output.fail(f"--set takes KEY=VALUE, not {setting!r}", Exit.USAGE)
        params[key.strip()] = read_value(text)
    return params


def read_value(text: str) -> object:
    """JSON, else the text itself. What cannot be sent as JSON (NaN, 1e400) stays text, for the server to refuse by name."""

    def refuse(constant: str) -> object:
        raise ValueError(constant)

    def real(digits: str) -> object:
        number = float(digits)
        return number if math.isfinite(number) else refuse(digits)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=real)
    except (ValueError, RecursionError):
        return text
