"""One server spoken to over HTTP: what is sent again when that is safe, and how a refusal looks."""

from __future__ import annotations

import os
import random
import ssl
import time
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from danlu.errors import ApiError, UnreachableError

Json = dict[str, Any]

RETRY_STATUS = frozenset({429, 502, 503, 504})
NOT_DONE = frozenset({429, 503})
"""The server says so before it does anything: whatever was asked for may be asked for again."""
RETRIES = 4
REFUSED_RETRIES = 2  # nobody listens: a restart takes longer than anybody wants to look at a silent prompt
FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
LONGEST_RETRY_AFTER = 30.0
PAGE = 500


class Connection:
    """Requests below `/api/v1` of one server. Threads may share it.

    Args:
        url: the server's origin.
        token: sent as a bearer token; None sends none.
        timeout: seconds for one request's connect, read and write.
        transport: an httpx transport to use instead of the network.

    Raises:
        ApiError: the URL or the token cannot be what it should be.
    """

    def __init__(
        self, url: str, token: str | None, *, timeout: float, transport: httpx.BaseTransport | None
    ) -> None:
        self.url, self._timeout = url, timeout
        headers = {"Accept": "application/json", "User-Agent": "danlu-client"}
        if token:
            if not token.isascii() or not token.isprintable():
                raise ApiError(401, "bad_token", "The token holds characters that no token has.")
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._http = httpx.Client(
                base_url=url, headers=headers, timeout=timeout, transport=transport, trust_env=False, verify=_trust(url)
            )  # fmt: skip
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(0, "bad_url", f"{url!r} is no address of a server: {error}") from error
        # Nobody closes a client in a notebook; its runs, which keep this connection, may outlive it.
        weakref.finalize(self, self._http.close).atexit = False

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def json(self, method: str, path: str, **request: Any) -> Json:
        """Send, and return the answer's JSON object. Raises as `send`."""
        answer = self.send(method, path, **request)
        body = self._parsed(answer)
        if not isinstance(body, dict):
            raise self._not_danlu(answer)
        return body

    def value(self, method: str, path: str, **request: Any) -> Any:
        """Send, and return the answer's JSON, whatever that is. Raises as `send`."""
        return self._parsed(self.send(method, path, **request))

    def create(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, **request: Any
    ) -> Json:
        """POST something that makes something, with an Idempotency-Key: sent again, it makes nothing twice.

        Args:
            path: where.
            body: the JSON, if any.
            key: default: drawn for this call.
            request: as for `send`.
        """
        if body is not None:
            request["json"] = dict(body)
        headers = {**request.pop("headers", {}), "Idempotency-Key": key or uuid.uuid4().hex}
        return self.json("POST", path, headers=headers, **request)

    def delete(self, path: str) -> None:
        """Remove something. That it is gone already is no error when an earlier attempt may have done it."""
        try:
            self.send("DELETE", path, retry=True)
        except ApiError as error:
            if not (error.repeated and error.status == 404):
                raise

    def pages(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        sized: bool = True,
    ) -> Iterator[Json]:
        """The items of a list, page after page.

        Args:
            path: of the list.
            query: its filters; what is None is left out.
            limit: at most so many items; None: all.
            sized: whether the call takes `limit` itself; the short lists do not.
        """
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        left = limit
        while left is None or left > 0:
            if sized:
                asked["limit"] = PAGE if left is None else min(left, PAGE)
            page = self.json("GET", path, params=asked)
            items: list[Json] = page["items"] if left is None else page["items"][:left]
            yield from items
            left = None if left is None else left - len(items)
            if page.get("next") is None:
                return
            asked["cursor"] = page["next"]

    def send(self, method: str, path: str, *, retry: bool | None = None, **request: Any) -> httpx.Response:
        """Send, and send again where that is safe: reads, requests with an idempotency key, and with `retry`.

        Whatever never reached the server, or was put off by it (429, 503), is sent again in any case. `request` is what
        httpx takes: params, json, headers.

        Raises:
            ApiError: the server refused.
            UnreachableError: nobody answered.
        """
        safe = method in {"GET", "HEAD"} or "Idempotency-Key" in request.get("headers", {})
        safe = safe if retry is None else retry
        doubt = False
        for attempt in range(RETRIES + 1):
            last = attempt == RETRIES
            try:
                answer = self._http.request(method, f"/api/v1{path}", **request)
            except httpx.TransportError as error:
                refused = isinstance(error, httpx.ConnectError)
                unsent = refused or isinstance(error, httpx.ConnectTimeout)
                last = last or _hopeless(error) or (refused and attempt >= REFUSED_RETRIES)
                if last or not (safe or unsent):
                    raise _marked(UnreachableError(self.url, _why(error)), doubt) from error
                doubt = doubt or not unsent
                time.sleep(_delay(attempt, None))
                continue
            put_off = answer.status_code in NOT_DONE
            if not last and (put_off or (safe and answer.status_code in RETRY_STATUS)):
                doubt = doubt or not put_off
                time.sleep(_delay(attempt, answer.headers.get("Retry-After")))
                continue
            if not answer.is_success:
                raise _marked(_refusal(answer), doubt)
            return answer
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def opened(self, path: str, *, quiet: float | None = None, **request: Any) -> Iterator[httpx.Response]:
        """GET an answer that is read piece by piece inside the block; nothing is sent again here.

        Args:
            path: what to get.
            quiet: seconds without a byte after which the connection counts as broken; default: the usual timeout.
            request: as for `send`.

        Raises:
            ApiError: the server refused.
            UnreachableError: nobody answered, or the connection broke.
        """
        if quiet is not None:
            request["timeout"] = httpx.Timeout(self._timeout, read=quiet)
        try:
            with self._http.stream("GET", f"/api/v1{path}", **request) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                yield answer
        except httpx.TransportError as error:
            raise UnreachableError(self.url, _why(error)) from error

    def _parsed(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise self._not_danlu(answer) from error

    def _not_danlu(self, answer: httpx.Response) -> ApiError:
        return ApiError(answer.status_code, "not_danlu", f"What answers at {self.url} is no Danlu server.")


def _trust(url: str) -> ssl.SSLContext | bool:
    """The certificates to trust: `SSL_CERT_FILE` and `SSL_CERT_DIR`, for a server with an authority of its own."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not url.startswith("https:") or not (file or folder):
        return True
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except OSError as error:
        raise ApiError(0, "bad_url", f"SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error}") from error


def _hopeless(error: Exception) -> bool:
    return isinstance(error, httpx.UnsupportedProtocol)


def _marked(error: ApiError, doubt: bool) -> ApiError:
    error.repeated = doubt
    return error


def _delay(attempt: int, retry_after: str | None) -> float:
    """Seconds before the next attempt: what the server asks for, else doubling with jitter."""
    asked = _seconds(retry_after) if retry_after else None
    if asked is not None:
        return min(max(asked, 0.0), LONGEST_RETRY_AFTER)
    doubled: float = FIRST_DELAY * 2**attempt
    return min(doubled, LONGEST_DELAY) * random.uniform(0.7, 1.3)  # noqa: S311 - jitter only


def _seconds(retry_after: str) -> float | None:
    """A Retry-After header, which is a number of seconds or a date; None when it is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _refusal(answer: httpx.Response) -> ApiError:
    """What the server's error body says, or that this is no such body."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        return ApiError(answer.status_code, body["error"], str(body.get("detail", "")), body.get("fields"))
    host = f"{answer.url.scheme}://{answer.url.netloc.decode()}"
    return ApiError(
        answer.status_code, "not_danlu", f"{host} answers {answer.status_code}, and not as Danlu does."
    )


def _why(cause: BaseException) -> str:
    """A transport error in two or three words."""
    if isinstance(cause, httpx.TimeoutException):
        return "timed out"
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    strerror = getattr(cause, "strerror", None)
    return str(strerror or cause or type(cause).__name__).lower()
