"""One request of a browser to one TensorBoard, an experiment's or a collection's: checked, forwarded, or told why not yet."""

from typing import Annotated

import httpx
from fastapi import Depends, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.errors import AppError, BadGateway, BadRequest, GatewayTimeout, NotFound, Unavailable
from app.tensorboard import headers, proxy
from app.tensorboard.manager import TensorBoards
from app.tensorboard.places import prefix
from app.tensorboard.units import State, Status
from app.web import environment

RETRY = "_danlu/retry"
_DETAILS = {
    State.STARTING: "TensorBoard is starting.",
    State.BACKOFF: "TensorBoard ended unexpectedly and is started again.",
    State.STOPPED: "TensorBoard was stopped because nobody had opened it for long. Reload the page to start it.",
    State.FAILED: "TensorBoard could not be started.",
}


# async: without a thread of its own this costs nothing.
async def _boards(request: Request) -> TensorBoards:
    boards: TensorBoards = request.app.state.tensorboards
    return boards


BoardsDep = Annotated[TensorBoards, Depends(_boards)]


async def serve(
    request: Request, boards: TensorBoards, key: str, raw_path: bytes, path: str, *, back: str
) -> Response:
    """What a TensorBoard that exists answers, as soon as it does.

    Args:
        key: the experiment's slug, or a collection's key.
        raw_path: as `checked_path` gives it.
        path: the same, decoded, below the prefix.
        back: where the page that excuses it leads back to.
    """
    if path == RETRY:
        boards.retry(key)
        return RedirectResponse(prefix(key) + "/", status_code=303)
    status = boards.ensure(key, page=request.method == "GET" and path in ("", "index.html"))
    if status.port is None:
        return _not_ready(request, key, status, back)
    client: httpx.AsyncClient = request.app.state.tensorboard_client
    try:
        target = proxy.Target(key, status.port, raw_path, path)
        return await proxy.forward(client, request, target)
    except (BadGateway, GatewayTimeout) as error:
        boards.suspect(key)
        return _excuse(request, key, error, None, back)


def checked_path(request: Request, key: str) -> bytes:
    """The path as it was sent; what could be read as another TensorBoard's, or a file's, is refused.

    Raises:
        NotFound: the key is written in another way.
        BadRequest: it leads upwards, encoded or not; or it asks for another protocol.
    """
    raw: bytes = request.scope["raw_path"]
    below = prefix(key) + "/"
    if not raw.startswith(below.encode()):
        raise NotFound("There is no such TensorBoard.")
    if not headers.is_safe(raw[len(below) :].decode("latin-1")):
        raise BadRequest("The path leads out of this TensorBoard.")
    if "upgrade" in request.headers:
        raise BadRequest("TensorBoard is plain HTTP; there is nothing to upgrade to.")
    return raw


def _not_ready(request: Request, key: str, status: Status, back: str) -> Response:
    error: AppError
    if status.state is State.FAILED:
        error = BadGateway(_DETAILS[State.FAILED])
    elif status.state is State.STOPPED:
        error = Unavailable(_DETAILS[State.STOPPED], retry_after=60)
    else:
        error = Unavailable(_DETAILS.get(status.state, _DETAILS[State.STARTING]), retry_after=1)
    return _excuse(request, key, error, status.reason, back)


def _excuse(request: Request, key: str, error: AppError, reason: str | None, back: str) -> Response:
    """Why there is no TensorBoard now: a page that comes back by itself for a browser, else JSON."""
    retry_after = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    kept = {"Cache-Control": "no-store", "Vary": "Accept, Cookie, Authorization", **retry_after}
    if "text/html" not in request.headers.get("accept", ""):
        body = error.body() | ({"reason": reason} if reason else {})
        return JSONResponse(body, status_code=error.status, headers=kept)
    failed = error.retry_after is None
    page = (
        environment()
        .get_template("tensorboard/waiting.html")
        .render(
            title="TensorBoard could not be started" if failed else "One moment",
            detail=error.detail,
            reason=reason,
            refresh=error.retry_after,
            retry=f"{prefix(key)}/{RETRY}" if failed else None,
            back=back,
        )
    )
    return Response(page, status_code=error.status, headers=kept, media_type="text/html")
