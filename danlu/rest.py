"""One server spoken to over HTTP: what is sent again when that is safe, and how a refusal looks."""

from __future__ import annotations

import random
import time
from typing import Any

import httpx

from danlu.errors import ApiError, UnreachableError

RETRY_STATUS = frozenset({429, 502, 503, 504})
RETRIES = 4
REFUSED_RETRIES = 2  # nobody listens: a restart takes longer than anybody wants to look at a silent prompt
FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0


class Connection:
    """Requests below `/api/v1` of one server.

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
        self.url = url
        headers = {"Accept": "application/json", "User-Agent": "danlu-client"}
        if token:
            if not token.isascii() or not token.isprintable():
                raise ApiError(401, "bad_token", "The token holds characters that no token has.")
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._http = httpx.Client(
                base_url=url, headers=headers, timeout=timeout, transport=transport, trust_env=False
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(0, "bad_url", f"{url!r} is no address of a server: {error}") from error

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send, and return the answer's JSON object. Raises as `send`."""
        answer = self.send(method, path, **request)
        try:
            body: dict[str, Any] = answer.json()
        except ValueError as error:
            detail = f"What answers at {self.url} is no Danlu server."
            raise ApiError(answer.status_code, "not_danlu", detail) from error
        return body

    def send(self, method: str, path: str, *, retry: bool | None = None, **request: Any) -> httpx.Response:
        """Send, and send again where that is safe: reads, requests with an idempotency key, and with `retry`.

        `request` is what httpx takes: params, json, headers.

        Raises:
            ApiError: the server refused.
            UnreachableError: nobody answered.
        """
        safe = (
            retry if retry is not None else method == "GET" or "Idempotency-Key" in request.get("headers", {})
        )
        for attempt in range(RETRIES + 1):
            last = attempt == RETRIES or not safe
            try:
                answer = self._http.request(method, f"/api/v1{path}", **request)
            except httpx.TransportError as error:
                refused = isinstance(error, httpx.ConnectError) and attempt >= REFUSED_RETRIES
                if last or refused or isinstance(error, httpx.UnsupportedProtocol):
                    raise UnreachableError(self.url, _why(error)) from error
                time.sleep(_delay(attempt, None))
                continue
            if answer.status_code in RETRY_STATUS and not last:
                time.sleep(_delay(attempt, answer.headers.get("Retry-After")))
                continue
            if not answer.is_success:
                raise _refusal(answer)
            return answer
        raise AssertionError("the last attempt returns or raises")


def _delay(attempt: int, retry_after: str | None) -> float:
    """Seconds before the next attempt: what the server asks for, else doubling with jitter."""
    if retry_after is not None and retry_after.isdigit():
        return min(float(retry_after), LONGEST_DELAY)
    doubled: float = FIRST_DELAY * 2**attempt
    return min(doubled, LONGEST_DELAY) * random.uniform(0.7, 1.3)  # noqa: S311 - jitter only


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
