"""Forwards one request to a TensorBoard and streams the answer back. No database here.

Path and query go on byte for byte; bodies are streamed as they come, compressed or not. Only what names folders
or flags (`/data/environment`, `/data/logdir`) and TensorBoard's HTML pages are read whole and edited.
"""

import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import anyio
import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.errors import BadGateway, GatewayTimeout
from app.tensorboard import headers
from app.tensorboard.places import prefix

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(connect=3.0, read=20.0, write=10.0, pool=5.0)
EDITED_BYTES = 16 << 20
BOOT = b'<script src="/static/tensorboard/boot.js"></script>'
_NAMES_FOLDERS = re.compile(r"(?:^|/)data/+(environment|logdir)/*$")
_SHOWN = ("version", "window_title", "experiment_name", "experiment_description", "creation_time")
_CONDITIONAL = frozenset({b"range", b"if-range", b"if-none-match", b"if-modified-since", b"accept-encoding"})
Edit = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Target:
    """What is asked of whom.

    Attributes:
        key: the experiment's slug, or a collection's key (`app.tensorboard.places`).
        port: its TensorBoard's.
        raw_path: path as the browser sent it, below the experiment's prefix.
        path: the same, decoded, from after the prefix; without a leading slash.
    """

    key: str
    port: int
    raw_path: bytes
    path: str


def make_client() -> httpx.AsyncClient:
    """The client for all TensorBoards: no proxy from the environment, no redirects followed, no cookies kept."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=5.0)
    return httpx.AsyncClient(
        timeout=TIMEOUT,
        limits=limits,
        trust_env=False,
        follow_redirects=False,
        verify=False,  # noqa: S501 - plain HTTP on loopback; reading the certificates would slow the start
    )


async def forward(client: httpx.AsyncClient, request: Request, target: Target) -> Response:
    """The answer, with its body still to be streamed unless it had to be edited.

    Raises:
        BadGateway: TensorBoard does not answer, or not in HTTP.
        GatewayTimeout: it takes longer than 20 s.
    """
    upstream = f"http://127.0.0.1:{target.port}{target.raw_path.decode('latin-1')}"
    edit = _edit(request.method, target)
    sent = headers.for_upstream(request.headers.raw)
    if edit:
        sent = [(name, value) for name, value in sent if name not in _CONDITIONAL]
        sent.append((b"accept-encoding", b"identity"))
    query: bytes = request.scope["query_string"]
    outgoing = httpx.Request(
        request.method,
        f"http://127.0.0.1:{target.port}/",
        headers=sent,
        content=await request.body() if request.method == "POST" else None,
        # httpx would write the path in its own way; this goes on the wire as it is.
        extensions={
            "target": target.raw_path + (b"?" + query if query else b""),
            "timeout": TIMEOUT.as_dict(),
        },
    )
    try:
        answer = await client.send(outgoing, stream=True)
    except httpx.TimeoutException as error:
        raise GatewayTimeout("TensorBoard did not answer in time.", retry_after=3) from error
    except httpx.HTTPError as error:
        raise BadGateway("TensorBoard does not answer.", retry_after=1) from error
    kept = headers.for_browser(answer.headers.raw, prefix=prefix(target.key), upstream=upstream)
    if edit is None:
        return Streamed(answer, kept, head=request.method == "HEAD")
    return await _edited(answer, kept, edit, head=request.method == "HEAD")


class Streamed(Response):
    """Passes an answer on as it comes, and lets go of TensorBoard when the browser goes away."""

    def __init__(self, answer: httpx.Response, raw_headers: list[headers.Raw], *, head: bool) -> None:
        # Not the parent's: that would work out headers of its own.
        self.status_code = answer.status_code
        self.raw_headers = raw_headers
        self.background = None
        self.answer = answer
        self.head = head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the browser disconnects."""
        del scope
        try:
            async with anyio.create_task_group() as group:

                async def watch() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    group.cancel_scope.cancel()

                group.start_soon(watch)
                await self._send(send)
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self.answer.aclose()

    async def _send(self, send: Send) -> None:
        start: Message = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        await send(start)
        try:
            if not self.head:
                async for chunk in self._chunks():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except httpx.HTTPError as error:
            # Half of it is out. Without the closing message the server cuts the connection, so that the browser
            # does not take the half for the whole.
            log.warning("TensorBoard broke off in the middle of an answer: %s", error or type(error).__name__)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _chunks(self) -> AsyncIterator[bytes]:
        return self.answer.aiter_raw()


async def _edited(answer: httpx.Response, kept: list[headers.Raw], edit: Edit, *, head: bool) -> Response:
    try:
        body = b""
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > EDITED_BYTES:
                raise BadGateway("TensorBoard's answer is too long.")
        if not head and answer.status_code == 200:
            body = edit(body)
    except httpx.TimeoutException as error:
        raise GatewayTimeout("TensorBoard did not answer in time.", retry_after=3) from error
    except (httpx.HTTPError, ValueError) as error:
        raise BadGateway("TensorBoard's answer cannot be read.", retry_after=3) from error
    finally:
        await answer.aclose()
    response = Response(body, status_code=answer.status_code)
    # The length of a HEAD's body is TensorBoard's, before the edit: nothing is better than a wrong one.
    length = [] if head else [(b"content-length", str(len(body)).encode())]
    response.raw_headers = [pair for pair in kept if pair[0].lower() != b"content-length"] + length
    return response


def _edit(method: str, target: Target) -> Edit | None:
    """What has to be done to the body of this answer; None: nothing, it is streamed."""
    clean = re.sub(r"/{2,}", "/", target.path)
    if _NAMES_FOLDERS.search(clean):
        return lambda body: _without_folders(body, target.key)
    if method in ("GET", "HEAD") and (clean in ("", "index.html") or clean.endswith(".html")):
        below = prefix(target.key).encode()
        return lambda body: _page(body, below, boot=clean in ("", "index.html"))
    return None


def _without_folders(body: bytes, key: str) -> bytes:
    known = json.loads(body)
    if "logdir" in known:
        return json.dumps({"logdir": key}).encode()
    shown = {name: known[name] for name in _SHOWN if name in known}
    return json.dumps(shown | {"data_location": key}).encode()


def _page(body: bytes, below: bytes, *, boot: bool) -> bytes:
    # It asks for its fonts at the root of the origin, which is ours.
    body = body.replace(b"(/font-roboto/", b"(" + below + b"/font-roboto/")
    return body.replace(b"<script", BOOT + b"<script", 1) if boot else body
