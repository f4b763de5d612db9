"""Opaque page cursors: where the last page ended, as values of the sort keys. Pure functions."""

import binascii
import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Literal

from app.errors import Invalid
from app.fields import MAX_ID, storable

Kind = Literal["id", "number", "text", "time"]
Value = float | int | str | datetime


def encode(scope: str, values: list[Value]) -> str:
    """A cursor for the list that `scope` names (its sort), holding the last row's sort values."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    raw = json.dumps([scope, *plain], separators=(",", ":"), ensure_ascii=False).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decode(cursor: str, scope: str, kinds: list[Kind]) -> list[Value]:
    """The values inside a cursor, checked one by one against the kinds of the sort keys.

    Raises:
        Invalid: not one of our cursors, or one of another sort.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(urlsafe_b64decode(padded).decode())
        return _values(parts, scope, kinds)
    except (ValueError, OverflowError, RecursionError, binascii.Error) as error:
        remedy = "use the `next` of the page before, with the same sort"
        raise Invalid(f"The cursor is not one of this list: {remedy}.", fields={"cursor": remedy}) from error


def decode_id(cursor: str, scope: str) -> int:
    """The row's id inside the cursor of a list that is sorted by nothing else.

    Raises:
        Invalid: as `decode`.
    """
    (last,) = decode(cursor, scope, ["id"])
    assert isinstance(last, int)  # noqa: S101 - decoded as an id
    return last


def _values(parts: object, scope: str, kinds: list[Kind]) -> list[Value]:
    if not isinstance(parts, list) or parts[:1] != [scope]:
        raise ValueError("another list's cursor")
    return [_value(part, kind) for part, kind in zip(parts[1:], kinds, strict=True)]


def _value(part: object, kind: Kind) -> Value:
    if kind == "id":
        if type(part) is not int or not 0 < part <= MAX_ID:
            raise ValueError("no id")
        return part
    if kind == "number":
        if isinstance(part, bool) or not isinstance(part, int | float):
            raise ValueError("no number")
        if isinstance(part, int) and not -(2**63) <= part < 2**63:
            raise ValueError("too large")
        if not math.isfinite(part):
            raise ValueError("not finite")
        return part
    if not isinstance(part, str):
        raise ValueError("no text")  # noqa: TRY004 - the caller's data, not its code
    if kind == "text":
        return storable(part)
    moment = datetime.fromisoformat(part)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)  # OverflowError before the year 1
