"""The body of an upload, on its way to the disk."""

from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app.errors import BadRequest

_BUFFER = 1 << 20


async def receive(request: Request, place: Path) -> None:
    """Write the body to a new file, in pieces; `BodyLimit` counts it.

    Raises:
        BadRequest: the sender has gone before the end.
    """
    with place.open("xb") as file:
        pieces: list[bytes] = []
        waiting = 0
        try:
            async for piece in request.stream():
                pieces.append(piece)
                waiting += len(piece)
                if waiting >= _BUFFER:
                    await run_in_threadpool(file.write, b"".join(pieces))
                    pieces, waiting = [], 0
        except ClientDisconnect as error:
            raise BadRequest("The upload broke off.") from error  # heard by nobody, and no bug of ours
        await run_in_threadpool(file.write, b"".join(pieces))
