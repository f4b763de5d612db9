"""The REST client: what the command line uses, and what a script may use.

`Client()` finds its server and its token by itself: arguments first, then `DANLU_URL` and `DANLU_TOKEN`, then
`cli.toml` in the home (`DANLU_HOME`, default `./danlu-data`), then the server that runs on that home.
Every answer is the parsed JSON of `/api/v1`; every refusal is an `ApiError`.
"""

from __future__ import annotations

import codecs
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from danlu.errors import ApiError, UnreachableError
from danlu.profile import Profile, load_profile
from danlu.rest import RETRY_STATUS, Connection

__all__ = ["TERMINAL", "ApiError", "Client", "UnreachableError"]

Json = dict[str, Any]

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The states of a run that never change again."""
LOG_PIECE = 1 << 20


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
        self._server = Connection(self.url, found.token, timeout=timeout, transport=transport)

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
        self._server.close()

    # --- runs

    def submit(self, experiment: str, recipe: str, params: Json | None = None, **fields: Any) -> Json:
        """Queue a run and return it, as `GET /runs/{id}` shows it.

        `fields` are the optional ones of `POST /runs`: name, device, processes, seed, priority, tags, notes,
        max_retries, timeout_s (seconds), parent, env; None leaves one out. `idempotency_key` overrides the key that is made
        for each call, so that a retry after a lost answer never queues a second run.

        Raises:
            ApiError: 422 names each wrong field.
        """
        key = fields.pop("idempotency_key", None) or uuid.uuid4().hex
        body = {"experiment": experiment, "recipe": recipe, "params": params or {}}
        body.update({name: value for name, value in fields.items() if value is not None})
        return self._server.json("POST", "/runs", json=body, headers={"Idempotency-Key": key})

    def runs(self, *, limit: int | None = None, **filters: Any) -> Iterator[Json]:
        """Runs, newest first unless `sort` says otherwise, page after page up to `limit` (None: all).

        `filters`: experiment, state, tag, recipe, q, sort, as in `GET /runs`.
        """
        yield from self._pages("/runs", limit, filters)

    def run(self, run_id: int) -> Json:
        """One run, whole."""
        return self._server.json("GET", f"/runs/{run_id}")

    def cancel(self, run_id: int) -> Json:
        """Ask for the end of a run; asking again changes nothing. Raises ApiError 409 when it has ended."""
        return self._server.json("POST", f"/runs/{run_id}/cancel", retry=True)

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
        """Up to 1 MiB of a run's output from a byte offset, or its last `tail` lines; and the offset after it."""
        data, after = self._log_bytes(run_id, offset, tail)
        return data.decode(errors="replace"), after

    def stream_log(
        self, run_id: int, *, offset: int = 0, follow: bool = True, poll: float = 0.5
    ) -> Iterator[tuple[str, int]]:
        """A run's output as pieces of text with the offset after each: all there is, then what comes.

        Args:
            run_id: the run.
            offset: byte to begin at.
            follow: go on until the run has ended and everything was read; False: only what is there now.
            poll: seconds between two looks.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while True:
            ended = not follow or self.run(run_id)["state"] in TERMINAL
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
        return self._server.json("GET", "/metrics", params=[*query, ("points", points), ("x", x)])

    def experiments(self, *, limit: int | None = None) -> Iterator[Json]:
        """All experiments."""
        yield from self._pages("/experiments", limit, {})

    def recipes(self) -> list[Json]:
        """What the workers can train: name, summary and the JSON Schema of the params."""
        return list(self._pages("/recipes", None, {}))

    def recipe(self, name: str) -> Json:
        """One recipe."""
        return self._server.json("GET", f"/recipes/{_segment(name)}")

    def workers(self) -> list[Json]:
        """The workers with their devices and slots."""
        return list(self._pages("/workers", None, {}))

    def me(self) -> Json:
        """Whose token this is, and what it may do."""
        return self._server.json("GET", "/me")

    # --- requests

    def _pages(self, path: str, limit: int | None, filters: Mapping[str, Any]) -> Iterator[Json]:
        query = {name: value for name, value in filters.items() if value is not None}
        left = limit
        while left is None or left > 0:
            page = self._server.json("GET", path, params={**query, **_page_size(path, left)})
            items = page["items"] if left is None else page["items"][:left]
            yield from items
            left = None if left is None else left - len(items)
            if page.get("next") is None:
                return
            query["cursor"] = page["next"]

    def _log_bytes(self, run_id: int, offset: int, tail: int | None) -> tuple[bytes, int]:
        query = {"offset": offset, "limit": LOG_PIECE} if tail is None else {"tail": tail}
        answer = self._server.send(
            "GET", f"/runs/{run_id}/log", params=query, headers={"Accept": "text/plain"}
        )
        return answer.content, int(answer.headers["X-Next-Offset"])


def _page_size(path: str, left: int | None) -> dict[str, int]:
    """The biggest page that is useful; the short lists take no limit."""
    if path in ("/workers", "/recipes"):
        return {}
    return {"limit": 500 if left is None else min(left, 500)}


def _segment(text: str) -> str:
    """A path segment that stays one segment whatever the text holds."""
    return quote(text, safe="")
