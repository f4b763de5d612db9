"""What happens to every request before a route sees it: headers, Host, body size. Pure ASGI, so that streams stream."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.config import LOOPBACK, Settings

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Everything here is somebody's: no shared cache may keep it. Static files say otherwise themselves.
    "Cache-Control": "no-store",
}
BODY_STALL_SECONDS = 30.0
DRAIN_BYTES = 128 * 2**20
DRAIN_SECONDS = 10.0


class SecurityHeaders:
    """Adds our headers where a response does not bring its own (the TensorBoard proxy has its own policy)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, with the headers added to the start of the response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """Names under which this server may be asked for, without ports and in lower case.

    The loopback names are always among them: a page of another site cannot be served under them, which is
    what DNS rebinding needs. A wildcard bind (0.0.0.0) names nothing, so `public_url` must.
    """
    names = set(LOOPBACK)
    if settings.auth == "none":
        return frozenset(names)
    if settings.host not in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        names.add(settings.host.lower())
    if settings.public_url:
        names.add((urlsplit(settings.public_url).hostname or "").lower())
    return frozenset(names)


class AllowedHosts:
    """Refuses requests for a host that is not ours: 400 when it cannot be read, else 421 with the remedy."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        name = _host_name(Headers(scope=scope).getlist("host"))
        if name in self.hosts:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refused_host(scope, name)(scope, receive, send)


def _host_name(values: list[str]) -> str | None:
    if len(values) != 1 or any(char in values[0] for char in "/@\\?#, \t"):
        return None
    try:
        parts = urlsplit(f"//{values[0]}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname


def _refused_host(scope: Scope, name: str | None) -> Response:
    status, code = (400, "bad_request") if name is None else (421, "unknown_host")
    detail = (
        "This server is not known under the name in the address. If it should be, start it with "
        "DANLU_PUBLIC_URL set to that address, such as https://danlu.example.org."
    )
    headers = {"Connection": "close"}
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": code, "detail": detail}, status_code=status, headers=headers)
    # Without our style sheet, which would be refused for the same reason; without the name, which is theirs.
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Unknown address</title>'
        f"<h1>Unknown address</h1><p>{detail}</p></html>"
    )
    return HTMLResponse(page, status_code=status, headers=headers)


class BodyLimit:
    """Refuses bodies over a limit, whether their length is stated or they come in chunks without end.

    Args:
        limit: bytes.
        special: path → bytes and the setting that says so, for the calls that take more.
        stall_seconds: a body of which nothing arrives for that long is given up (408).
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: int,
        special: Mapping[str, tuple[int, str]] | None = None,
        stall_seconds: float = BODY_STALL_SECONDS,
    ) -> None:
        self.app = app
        self.limit = limit
        self.special = special or {}
        self.stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, counting what is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit, setting = self.special.get(scope["path"], (self.limit, "DANLU_BODY_LIMIT_KIB"))
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isascii() and stated.isdigit() and (len(stated) > 18 or int(stated) > limit):
            error = too_large(limit, setting)
            body = {"error": "too_large", "detail": error.detail}
            refused = JSONResponse(body, status_code=413, headers={"Connection": "close"})
            await _answer_early(refused, scope, receive, send)
            return
        seen, complete = 0, False

        async def counted() -> Message:
            nonlocal seen, complete
            if (
                complete
            ):  # what comes now is the end of the connection, for which streams wait as long as it takes
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self.stall_seconds)
            except TimeoutError as error:
                detail = f"Nothing of the body arrived for {self.stall_seconds:.0f} s."
                raise HTTPException(408, detail, headers={"Connection": "close"}) from error
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if seen > limit:
                    if not complete:
                        await _drain(receive)
                    raise too_large(limit, setting)
            return message

        await self.app(scope, counted, send)


async def _answer_early(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, so that a client that asks first (Expect: 100-continue) sends nothing, and close only when
    whoever sends all the same has sent it.
    """

    async def held(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await answer(scope, receive, held)
    await _drain(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    """Throw away what is on its way, within bounds: a connection that is closed on unread bytes is reset, and the
    client then sees that instead of the answer.
    """
    seen = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while seen < DRAIN_BYTES:
                message = await receive()
                seen += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def too_large(limit: int, setting: str = "DANLU_BODY_LIMIT_KIB") -> HTTPException:
    """The refusal; an HTTPException, because FastAPI turns any other error of a body into a 400."""
    size = f"{limit // 1024} KiB" if limit < 1024 * 1024 else f"{limit / 1024 / 1024:g} MiB"
    detail = f"The body is larger than {size} ({setting})."
    return HTTPException(413, detail, headers={"Connection": "close"})
