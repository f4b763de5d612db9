"""Counting requests for /metrics/prometheus. Pure ASGI, so that streams stream."""

import threading
import time
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Key = tuple[str, str, int]
"""Method, path of the route (never of the request, whose paths are without number), status."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Traffic:
    """Middleware: requests and the seconds until their answers began, by route and status.

    Put on the app as `app.add_middleware(Traffic)`; the counts are at `app.state.traffic` from the first request on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.counts = Counts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and count."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["app"].state.traffic = self.counts
        begun = time.monotonic()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self.counts.add((method, route_of(scope), message["status"]), time.monotonic() - begun)
            await send(message)

        await self.app(scope, receive, counted)


def route_of(scope: Scope) -> str:
    """The route's path, such as `/api/v1/runs/{run_id}`, of a request that has been routed; else `other`.

    Made from the path and its parameters: the route object itself does not know the prefix it was included with.
    """
    if "endpoint" not in scope:
        return "other"
    if scope.get("root_path"):
        return f"{scope['root_path']}/{{path}}"  # a mount: static files
    path: str = scope["path"]
    for name, value in reversed(scope.get("path_params", {}).items()):
        before, found, after = path.rpartition(f"/{value}")
        path = f"{before}/{{{name}}}{after}" if found else path
    return path


class Counts:
    """Requests and seconds by key; for one event loop and the threads that read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Key] = Counter()
        self._seconds: Counter[Key] = Counter()

    def add(self, key: Key, seconds: float) -> None:
        """One more request."""
        with self._lock:
            self._requests[key] += 1
            self._seconds[key] += seconds  # type: ignore[assignment] # a Counter adds floats as well

    def read(self) -> list[tuple[Key, int, float]]:
        """Key, requests, seconds; in order."""
        with self._lock:
            return [(key, count, self._seconds[key]) for key, count in sorted(self._requests.items())]
