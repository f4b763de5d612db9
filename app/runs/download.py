"""Sending a file: whole, or the parts that a Range header asks for. Always as an attachment."""

import re
import secrets
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.runs.files import Opened

MAX_PARTS = 10
"""Ranges in one request; a header of ten thousand costs nothing but a refusal."""
_CHUNK = 1 << 18
_ONE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
Part = tuple[int, int]
"""First byte, and the one after the last."""


def send_file(request: Request, opened: Opened, name: str) -> Response:
    """The answer with a file's bytes; the file is closed when they have been sent.

    Raises:
        HTTPException: 416, with the file's size; no such range, or more than ten.
    """
    etag = f'"{opened.modified_ns:x}-{opened.size:x}"'
    headers = {
        # Never shown in place: it is a run's file, and this is our origin.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    asked = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        asked = None
    try:
        parts = parse_range(asked, opened.size) if asked is not None else None
    except ValueError as error:
        opened.file.close()
        unsatisfied = {"Content-Range": f"bytes */{opened.size}"}
        raise HTTPException(416, str(error), headers=unsatisfied) from error
    if parts is None:
        headers["Content-Length"] = str(opened.size)
        body = _sent(opened.file, [(b"", (0, opened.size))], b"")
        return _FileResponse(opened.file, body, 200, headers, "application/octet-stream")
    if len(parts) == 1:
        start, end = parts[0]
        headers["Content-Length"] = str(end - start)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{opened.size}"
        body = _sent(opened.file, [(b"", parts[0])], b"")
        return _FileResponse(opened.file, body, 206, headers, "application/octet-stream")
    return _multipart(opened, parts, headers)


def parse_range(header: str, size: int) -> list[Part] | None:
    """The parts that a Range header asks for; None where it is to be ignored (another unit, a bad form).

    Raises:
        ValueError: none of the parts is in the file, or there are more than ten.

    >>> parse_range("bytes=0-9, -5", 100)
    [(0, 10), (95, 100)]
    """
    unit, _, rest = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    if rest.count(",") >= MAX_PARTS:
        raise ValueError(f"At most {MAX_PARTS} ranges in one request.")
    parts: list[Part] = []
    for piece in rest.split(","):
        match = _ONE.fullmatch(piece.strip())
        if match is None or not any(match.groups()):
            return None
        first, last = match.groups()
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last) + 1, size) if first and last else size
        if first and last and int(last) < start:
            return None
        if start < end:
            parts.append((start, end))
    if not parts:
        raise ValueError(f"The file has {size} bytes; no part of the range is in it.")
    return parts


def _multipart(opened: Opened, parts: list[Part], headers: dict[str, str]) -> Response:
    boundary = secrets.token_hex(16)
    pieces = []
    for start, end in parts:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Range: bytes {start}-{end - 1}/{opened.size}\r\n\r\n"
        )
        pieces.append((head.encode(), (start, end)))
    close = f"\r\n--{boundary}--\r\n".encode()
    length = len(close) + sum(len(head) + end - start for head, (start, end) in pieces)
    headers["Content-Length"] = str(length)
    body = _sent(opened.file, pieces, close)
    return _FileResponse(opened.file, body, 206, headers, f"multipart/byteranges; boundary={boundary}")


class _FileResponse(StreamingResponse):
    """Closes the file when the answer has been sent, or nobody wants it any more."""

    def __init__(self, file: BinaryIO, *answer: Any) -> None:
        super().__init__(*answer)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _sent(file: BinaryIO, pieces: list[tuple[bytes, Part]], close: bytes) -> Iterator[bytes]:
    """The bytes of each piece behind its head. A file that has shrunk meanwhile ends the answer short."""
    for head, (start, end) in pieces:
        if head:
            yield head
        file.seek(start)
        left = end - start
        while left > 0:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
    if close:
        yield close
