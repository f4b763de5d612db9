"""The REST client: what the command line uses, and what a script may use.

`Client()` finds its server and its token by itself: arguments first, then `DANLU_URL` and `DANLU_TOKEN`, then
`cli.toml` in the home (`DANLU_HOME`, default `./danlu-data`), then the server that runs on that home.
Every answer is the parsed JSON of `/api/v1`; every refusal is an `ApiError`.
"""

from __future__ import annotations

import codecs
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from danlu.profile import Profile, load_profile

__all__ = ["TERMINAL", "ApiError", "Client", "UnreachableError"]

Json = dict[str, Any]

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The states of a run that never change again."""

RETRY_STATUS = frozenset({429, 502, 503, 504})
RETRIES = 4
FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0


class ApiError(Exception):
    """The server refused a request.

    Attributes:
        status: the HTTP status; 0 when no answer came (see `UnreachableError`).
        code: the snake_case code of the body's `error`.
        detail: one sentence for a human.
        fields: what is wrong, by field, for a 422; else empty.
    """

    def __init__(self, status: int, code: str, detail: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.fields: dict[str, Any] = dict(fields or {})

    def __str__(self) -> str:
        """The detail, followed by each wrong field that it does not name already."""
        extra = [f"{name}: {_flat(said)}" for name, said in self.fields.items()]
        return " · ".join([self.detail.rstrip(), *extra]) if extra else self.detail


class UnreachableError(ApiError):
    """No answer came from the server, after the retries that were safe."""

    def __init__(self, url: str, cause: Exception) -> None:
        super().__init__(0, "unreachable", f"No Danlu server answers at {url} ({_why(cause)}).")
        self.url = url


class Client:
    """A synchronous client of one server. Use it as a context manager, or `close()` it.

    Args:
        url: the server's origin, such as `http://127.0.0.1:8000`.
        token: an API token (`danlu_…`). None sends none: enough only where the login is switched off.
        home: the home whose `cli.toml` is read for what is missing (default: `DANLU_HOME`, `./danlu-data`).
        timeout: seconds for one request's connect, read and write.
        transport: an httpx transport to use instead of the network.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        home: Path | None = None,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        found = Profile(url, token) if url and token else load_profile(home).over(url, token)
        self.url = (found.url or "").rstrip("/")
        headers = {"Accept": "application/json", "User-Agent": "danlu-client"}
        if found.token:
            if not found.token.isascii() or not found.token.isprintable():
                raise ApiError(401, "bad_token", "The token holds characters that no token has.")
            headers["Authorization"] = f"Bearer {found.token}"
        try:
            self._http = httpx.Client(
                base_url=self.url, headers=headers, timeout=timeout, transport=transport, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(0, "bad_url", f"{self.url!r} is no address of a server: {error}") from error

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- runs

    def submit(self, experiment: str, recipe: str, params: Json | None = None, **fields: Any) -> Json:
        """Queue a run and return it, as `GET /runs/{id}` shows it.

        `fields` are the optional ones of `POST /runs`: name, device, seed, priority, tags, notes, max_retries,
        timeout_s (seconds), parent, env; None leaves one out. `idempotency_key` overrides the key that is made
        for each call, so that a retry after a lost answer never queues a second run.

        Raises:
            ApiError: 422 names each wrong field.
        """
        key = fields.pop("idempotency_key", None) or uuid.uuid4().hex
        body = {"experiment": experiment, "recipe": recipe, "params": params or {}}
        body.update({name: value for name, value in fields.items() if value is not None})
        return self._json("POST", "/runs", json=body, headers={"Idempotency-Key": key})

    def runs(self, *, limit: int | None = None, **filters: Any) -> Iterator[Json]:
        """Runs, newest first unless `sort` says otherwise, page after page up to `limit` (None: all).

        `filters`: experiment, state, tag, recipe, q, sort, as in `GET /runs`.
        """
        yield from self._pages("/runs", limit, filters)

    def run(self, run_id: int) -> Json:
        """One run, whole."""
        return self._json("GET", f"/runs/{run_id}")

    def cancel(self, run_id: int) -> Json:
        """Ask for the end of a run; asking again changes nothing. Raises ApiError 409 when it has ended."""
        return self._json("POST", f"/runs/{run_id}/cancel", retry=True)

    def wait(
        self,
        run_id: int,
        *,
        timeout: float | None = None,
        poll: float = 0.5,
        patience: float = 60.0,
        on_update: Callable[[Json], None] | None = None,
    ) -> Json:
        """Return the run once its state is terminal.

        Args:
            run_id: the run.
            timeout: seconds until TimeoutError (None: wait for ever).
            poll: seconds between two looks.
            patience: seconds for which a server that restarts may be unreachable.
            on_update: called with the run after each look.
        """
        end = None if timeout is None else time.monotonic() + timeout
        last_answer = time.monotonic()
        while True:
            try:
                run = self.run(run_id)
            except ApiError as error:
                if error.status not in (0, *RETRY_STATUS) or time.monotonic() - last_answer > patience:
                    raise
            else:
                last_answer = time.monotonic()
                if on_update is not None:
                    on_update(run)
                if run["state"] in TERMINAL:
                    return run
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"run {run_id} has not ended after {timeout:g} s")
            time.sleep(poll)

    def log(self, run_id: int, *, offset: int = 0, tail: int | None = None) -> tuple[str, int]:
        """The text of a run's stdout from a byte offset (or its last `tail` bytes) and the offset after it."""
        data, after = self._log_bytes(run_id, offset, tail)
        return data.decode(errors="replace"), after

    def follow_log(self, run_id: int, *, offset: int = 0, poll: float = 0.5) -> Iterator[tuple[str, int]]:
        """The log as it grows, as pieces of text with the offset after each, until the run has ended."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while True:
            ended = self.run(run_id)["state"] in TERMINAL
            data, after = self._log_bytes(run_id, offset, None)
            while data:
                offset = after
                yield decoder.decode(data), offset
                data, after = self._log_bytes(run_id, offset, None)
            if ended:
                return
            time.sleep(poll)

    # --- the rest

    def metrics(
        self, runs: list[int], *, tags: list[str] | None = None, points: int = 1000, x: str = "step"
    ) -> Json:
        """Series of scalars: `{"series": [{"run", "tag", "x", "y", …}]}`; `points=0` for every point."""
        query: list[tuple[str, str | int | float | bool | None]] = [("run", run) for run in runs]
        query += [("tag", tag) for tag in tags or []]
        return self._json("GET", "/metrics", params=[*query, ("points", points), ("x", x)])

    def experiments(self, *, limit: int | None = None) -> Iterator[Json]:
        """All experiments."""
        yield from self._pages("/experiments", limit, {})

    def recipes(self) -> list[Json]:
        """What the workers can train: name, summary and the JSON Schema of the params."""
        return list(self._pages("/recipes", None, {}))

    def recipe(self, name: str) -> Json:
        """One recipe."""
        return self._json("GET", f"/recipes/{_segment(name)}")

    def workers(self) -> list[Json]:
        """The workers with their devices and slots."""
        return list(self._pages("/workers", None, {}))

    def me(self) -> Json:
        """Whose token this is, and what it may do."""
        return self._json("GET", "/me")

    # --- requests

    def _pages(self, path: str, limit: int | None, filters: Mapping[str, Any]) -> Iterator[Json]:
        query = {name: value for name, value in filters.items() if value is not None}
        left = limit
        while left is None or left > 0:
            page = self._json("GET", path, params={**query, **_page_size(path, left)})
            items = page["items"] if left is None else page["items"][:left]
            yield from items
            left = None if left is None else left - len(items)
            if page.get("next") is None:
                return
            query["cursor"] = page["next"]

    def _log_bytes(self, run_id: int, offset: int, tail: int | None) -> tuple[bytes, int]:
        query = {"offset": offset} if tail is None else {"tail": tail}
        answer = self._send("GET", f"/runs/{run_id}/log", params=query, headers={"Accept": "text/plain"})
        after = answer.headers.get("X-Log-Offset")
        return answer.content, int(after) if after is not None else offset + len(answer.content)

    def _json(self, method: str, path: str, **request: Any) -> Json:
        answer = self._send(method, path, **request)
        try:
            body: Json = answer.json()
        except ValueError as error:
            raise ApiError(
                answer.status_code, "not_danlu", f"What answers at {self.url} is no Danlu server."
            ) from error
        return body

    def _send(self, method: str, path: str, *, retry: bool | None = None, **request: Any) -> httpx.Response:
        """Send, and send again where that is safe: reads, cancels and submits that carry their key."""
        safe = (
            retry if retry is not None else method == "GET" or "Idempotency-Key" in request.get("headers", {})
        )
        for attempt in range(RETRIES + 1):
            last = attempt == RETRIES or not safe
            try:
                answer = self._http.request(method, f"/api/v1{path}", **request)
            except httpx.TransportError as error:
                if last or isinstance(error, httpx.UnsupportedProtocol):
                    raise UnreachableError(self.url, error) from error
                time.sleep(_delay(attempt, None))
                continue
            if answer.status_code in RETRY_STATUS and not last:
                time.sleep(_delay(attempt, answer.headers.get("Retry-After")))
                continue
            if not answer.is_success:
                raise _refusal(answer)
            return answer
        raise AssertionError("the last attempt returns or raises")


def _page_size(path: str, left: int | None) -> dict[str, int]:
    """The biggest page that is useful; the short lists take no limit."""
    if path in ("/workers", "/recipes"):
        return {}
    return {"limit": 500 if left is None else min(left, 500)}


def _delay(attempt: int, retry_after: str | None) -> float:
    """Seconds before the next attempt: what the server asks for, else doubling with jitter."""
    if retry_after is not None and retry_after.isdigit():
        return min(float(retry_after), LONGEST_DELAY)
    return min(FIRST_DELAY * 2**attempt, LONGEST_DELAY) * random.uniform(0.7, 1.3)  # noqa: S311 - jitter only


def _refusal(answer: httpx.Response) -> ApiError:
    """The error body of DESIGN's form, or the best sentence for a body that is not of that form."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        return ApiError(answer.status_code, body["error"], str(body.get("detail", "")), body.get("fields"))
    return ApiError(answer.status_code, "http_error", f"The server answered {answer.status_code}.")


def _why(cause: Exception) -> str:
    """A transport error in two or three words."""
    if isinstance(cause, httpx.ConnectError) and isinstance(cause.__cause__, Exception):
        cause = cause.__cause__
    return "timed out" if isinstance(cause, httpx.TimeoutException) else str(cause) or type(cause).__name__


def _flat(said: object) -> str:
    """What is wrong with one field, as one line."""
    return "; ".join(str(part) for part in said) if isinstance(said, list) else str(said)


def _segment(text: str) -> str:
    """A path segment that stays one segment whatever the text holds."""
    return quote(text, safe="")
