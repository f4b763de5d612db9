"""What the client raises. Without httpx, so that commands which need no network start sooner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from danlu.client.run import Run

__all__ = ["ApiError", "RunFailed", "UnreachableError"]


class ApiError(Exception):
    """The server refused a request.

    Attributes:
        status: the HTTP status; 0 when no answer came (see `UnreachableError`).
        code: the snake_case code of the body's `error`.
        detail: one sentence for a human.
        fields: what is wrong, by field, for a 422; else empty.
        repeated: the answer to an earlier attempt at the same request was lost, so that it may have been carried out then.
    """

    def __init__(self, status: int, code: str, detail: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.fields: dict[str, Any] = dict(fields or {})
        self.repeated = False

    def __str__(self) -> str:
        """The detail, followed by each wrong field that it does not explain already."""
        said = {name: _flat(message) for name, message in self.fields.items()}
        explained = len(said) == 1 and len(self.detail) > len(next(iter(said.values())))
        extra = [] if explained else [f"{name}: {message}" for name, message in said.items()]
        return " · ".join([self.detail, *extra])


class UnreachableError(ApiError):
    """No answer came from the server, after the retries that were safe."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(0, "unreachable", f"No Danlu server answers at {url} ({why}).")
        self.url = url


class RunFailed(Exception):
    """A run that was waited for failed or was cancelled.

    Attributes:
        run: as it is now.
    """

    def __init__(self, run: Run) -> None:
        why = ": ".join(part for part in (run.reason, run.detail) if part)
        super().__init__(f"run {run.id} ({run.name}) {run.state}{f', {why}' if why else ''}")
        self.run = run


def _flat(said: object) -> str:
    """What is wrong with one field, as one line."""
    return "; ".join(str(part) for part in said) if isinstance(said, list) else str(said)
