"""Reading JSON bodies strictly: what the two databases, JSON itself or a later reader could choke on is refused here.

Python's parser accepts `NaN` and `Infinity` (every list with such a row would then answer 500), takes the
last of two equal keys, and builds integers of any length. None of that gets past `StrictRoute`.
"""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from itertools import accumulate
from typing import Any, NoReturn

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.auth.deps import MARKER
from app.errors import AppError, BadRequest, Invalid, UnsupportedMedia

MAX_DEPTH = 64
MAX_INT = 2**63 - 1
MAX_DIGITS = 400
"""Digits of one number; the longest float that means anything has fewer."""

# An unfinished text reaches to the end, or each of its quotes would be tried anew.
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")  # one more than the step that the bracket takes
_THREAD_BYTES = 64 * 1024
"""Bodies larger than this are parsed off the event loop."""


class InvalidJson(BadRequest):
    """The body is not JSON as RFC 8259 has it."""

    code = "invalid_json"


def parse(raw: bytes) -> Any:
    """The value of a JSON document.

    Raises:
        InvalidJson: 400; not UTF-8, a byte order mark, a syntax error, NaN or Infinity, nested too deep.
        Invalid: 422 with the field; a repeated key, an integer beyond 64 bits, a float beyond a double's
            range, NUL or half of a surrogate pair in a text.
    """
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise InvalidJson("The body begins with a byte order mark; send plain UTF-8.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8 (byte {error.start}).") from error
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(raw)
    made: list[_Bad] = []
    reader = _Reader(made)
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_int=reader.integer,
            parse_float=reader.real,
            object_pairs_hook=reader.mapping,
        )
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    # Only an escape can bring a NUL or a half surrogate past the parser, and what else is wrong was noted: most
    # bodies need no walk.
    return _checked(value) if made or b"\\u" in raw else value


def _check_depth(raw: bytes) -> None:
    # Before parsing: a hundred thousand brackets would exhaust the parser's stack.
    steps = _TEXTS.sub(b"", raw).translate(_STEPS, _OTHERS)
    if max(accumulate(steps, lambda depth, step: depth + step - 1, initial=0)) > MAX_DEPTH:
        raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _no_constant(word: str) -> NoReturn:
    raise InvalidJson(f"{word} is not JSON; a number must be finite.")


class _Bad:
    """Stands in the parsed value where something was wrong, until the walk knows the field's name."""

    def __init__(self, message: str) -> None:
        self.message = message


class _Reader:
    """The parser's hooks; each wrong value is noted and replaced by a `_Bad`."""

    def __init__(self, made: list[_Bad]) -> None:
        self._made = made

    def _bad(self, message: str) -> _Bad:
        bad = _Bad(message)
        self._made.append(bad)
        return bad

    def integer(self, digits: str) -> int | _Bad:
        """An integer of at most 64 bits."""
        if len(digits) > 20 or not -MAX_INT - 1 <= int(digits) <= MAX_INT:
            return self._bad("must be between -2^63 and 2^63-1")
        return int(digits)

    def real(self, digits: str) -> float | _Bad:
        """A finite double."""
        if len(digits) > MAX_DIGITS:
            return self._bad("has too many digits")
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            return self._bad("is larger than a double can hold")
        return number

    def mapping(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object whose keys are all different."""
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    made[key] = self._bad("is given twice")
                seen.add(key)
        return made


def _checked(root: Any) -> Any:
    """Walk the value without recursion and refuse the first thing that is wrong, by its name."""
    todo: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while todo:
        place, value = todo.pop()
        if isinstance(value, _Bad):
            _refuse(place, value.message)
        elif isinstance(value, str):
            _text(place, value)
        elif isinstance(value, dict):
            for key, item in value.items():
                _text((*place, key), key)
                todo.append(((*place, key), item))
        elif isinstance(value, list):
            todo.extend(((*place, str(index)), item) for index, item in enumerate(value))
    return root


def _text(place: tuple[str, ...], value: str) -> None:
    if "\x00" in value:
        _refuse(place, "must not contain a NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        _refuse(place, "contains half of a surrogate pair")


def _refuse(place: tuple[str, ...], message: str) -> NoReturn:
    name = "".join(char if char.isprintable() else "?" for char in ".".join(place))[:200] or "body"
    raise Invalid(f"{name} {message}.", fields={name: message[:1].upper() + message[1:]})


def is_json(content_type: str | None) -> bool:
    """Whether a Content-Type header says `application/json` (a charset may follow)."""
    return (content_type or "").partition(";")[0].strip().lower() == "application/json"


class StrictRequest(Request):
    """A request whose JSON is read by `parse`."""

    async def json(self) -> Any:
        """The parsed body; FastAPI asks for it."""
        raw = await self.body()
        try:
            return await run_in_threadpool(parse, raw) if len(raw) > _THREAD_BYTES else parse(raw)
        except AppError as error:
            raise Refusal(error) from error


class Refusal(HTTPException):
    """Carries an AppError through FastAPI, which turns any other error while it reads a body into a bare 400."""

    def __init__(self, error: AppError) -> None:
        super().__init__(error.status, error.detail)
        self.error = error


class StrictRoute(APIRoute):
    """A route that reads its JSON body strictly: `APIRouter(route_class=StrictRoute)`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a request that parses strictly."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        guards = [call for call in _calls(self.dependant) if hasattr(call, MARKER)]

        async def refuse(request: Request, error: AppError) -> NoReturn:
            # FastAPI reads the body before it asks who is calling. A stranger is told that, and nothing else.
            for guard in guards:
                await run_in_threadpool(guard, request)
            raise error

        async def strict(request: Request) -> Response:
            try:
                if takes_body:
                    _check_content_type(request.headers)
                return await handle(StrictRequest(request.scope, request.receive))
            except UnsupportedMedia as error:
                await refuse(request, error)
            except Refusal as refusal:
                await refuse(request, refusal.error)

        return strict


def _calls(dependant: Dependant) -> Iterator[Any]:
    """What a route depends on, and what that depends on."""
    for below in dependant.dependencies:
        yield below.call
        yield from _calls(below)


def _check_content_type(headers: Headers) -> None:
    has_body = headers.get("transfer-encoding") or headers.get("content-length", "0") != "0"
    if has_body and not is_json(headers.get("content-type")):
        raise UnsupportedMedia("Send the body as application/json.")
