"""Static files: their addresses, and serving them from memory.

Modules import each other by relative paths, so one version of them all stands in the path (`/static/-/VERSION/js/a.js`): what
they import is under the same version then, and a browser that has been here asks for none of them again.
"""

import gzip
import hashlib
import mimetypes
import posixpath
import re
import stat
import time
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.paths import static_dir

HASH_LENGTH = 12
FOR_EVER = "public, max-age=31536000, immutable"
LOOK_AGAIN = 1.0  # seconds between two looks at all modules
HELD_BYTES = 512 * 1024
GZIP_FROM = 1024
_VERSIONED = re.compile(r"-/([0-9a-f]+)/(.+)")
_IMPORT = re.compile(
    r"""^\s*(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["'](\.{1,2}/[^"']+\.js)["']""", re.MULTILINE
)
_TEXT = ("text/", "image/svg", "application/json", "application/javascript")


def static_url(path: str) -> str:
    """URL of a static file that changes with its content, so that browsers may keep it for ever.

    Raises:
        FileNotFoundError: a template names a file that is not there.
    """
    file = static_dir() / path
    changed = file.stat().st_mtime_ns
    if path.startswith("js/"):
        return f"/static/-/{version()}/{path}"
    return f"/static/{path}?v={_hash(file, changed)}"


def module_urls(*names: str, beside: tuple[str, ...] = ()) -> list[str]:
    """URLs of `static/js/NAME.js` and of all that they import, to ask for them before the browser has read the imports.

    Args:
        names: of modules.
        beside: modules that the page asks for anyway, with what they import.
    """
    wanted, known = _closure(names, version()), _closure(beside, version())
    return [f"/static/-/{version()}/{path}" for path in wanted if path not in known]


def version() -> str:
    """The version of all modules together: another one when any of them changes."""
    return _version(int(time.monotonic() / LOOK_AGAIN))


@lru_cache(maxsize=2)
def _version(_tick: int) -> str:
    digest = hashlib.sha256()
    for file in sorted(static_dir().glob("**/*.js")):
        info = file.stat()
        digest.update(f"{file}:{info.st_size}:{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:HASH_LENGTH]


@lru_cache(maxsize=100)
def _closure(names: tuple[str, ...], _version: str) -> tuple[str, ...]:
    """Paths of modules and of all that they import statically, the nearest first."""
    found = [f"js/{name}.js" for name in names]
    for path in found:
        text = (static_dir() / path).read_text(encoding="utf-8")
        for target in _IMPORT.findall(text):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if imported not in found:
                found.append(imported)
    return tuple(found)


@lru_cache(maxsize=1000)
def _hash(file: Path, _changed_ns: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:HASH_LENGTH]


@dataclass(frozen=True)
class _Held:
    """A file in memory, as it was at a time."""

    changed_ns: int
    size: int
    body: bytes
    packed: bytes | None
    headers: dict[str, str]


class Assets(StaticFiles):
    """Static files: kept for ever under the URL of their content, else asked again each time (304 when unchanged).

    Small ones are answered from memory: a page has dozens of modules, and a thread and three waits for each of them
    would take longer than all the rest of it.
    """

    _held: dict[str, _Held]

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        lasting = b"v=" in scope.get("query_string", b"")
        if match := _VERSIONED.fullmatch(path):
            lasting, path = match.group(1) == version(), match.group(2)
        held = self._hold(path) if scope["method"] in {"GET", "HEAD"} else None
        if held is None or b"range" in dict(scope["headers"]):
            response = await super().get_response(path, scope)
        else:
            response = _answer(held, Headers(scope=scope), head=scope["method"] == "HEAD")
        if response.status_code < 400:
            response.headers["Cache-Control"] = FOR_EVER if lasting else "no-cache"
        return response

    def _hold(self, path: str) -> _Held | None:
        """The file from memory, read when it is new there; None when it is large, or not to be had."""
        full, info = self.lookup_path(path)
        if info is None or not stat.S_ISREG(info.st_mode) or info.st_size > HELD_BYTES:
            return None
        store = self.__dict__.setdefault("_held", {})
        held: _Held | None = store.get(full)
        if held is None or (held.changed_ns, held.size) != (info.st_mtime_ns, info.st_size):
            body = Path(full).read_bytes()
            kind = mimetypes.guess_type(full)[0] or "application/octet-stream"
            text = kind.startswith(_TEXT)
            packed = gzip.compress(body, 9, mtime=0) if text and len(body) >= GZIP_FROM else None
            headers = {
                "Content-Type": f"{kind}; charset=utf-8" if text else kind,
                "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
                "Last-Modified": formatdate(info.st_mtime, usegmt=True),
                "Vary": "Accept-Encoding",
            }
            held = store[full] = _Held(info.st_mtime_ns, info.st_size, body, packed, headers)
        return held


def _answer(held: _Held, asked: Headers, *, head: bool) -> Response:
    known = asked.get("if-none-match", "")
    if held.headers["ETag"] in known or (
        not known and asked.get("if-modified-since") == held.headers["Last-Modified"]
    ):
        kept = {name: value for name, value in held.headers.items() if name != "Content-Type"}
        return Response(status_code=304, headers=kept)
    body, headers = held.body, dict(held.headers)
    if held.packed is not None and "gzip" in asked.get("accept-encoding", ""):
        body = held.packed
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return Response(b"" if head else body, headers=headers)
