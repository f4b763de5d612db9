"""The run that this process trains, when Danlu started it."""

from danlu.recipe import RunContext

_current: list[RunContext] = []


def current_run() -> RunContext | None:
    """The run that this process is, for code that is not handed it; None outside of Danlu."""
    return _current[-1] if _current else None


def enter(run: RunContext) -> None:
    """From now on, this process is that run."""
    _current.append(run)


def leave(run: RunContext) -> None:
    """It is that run no more."""
    _current.remove(run)
