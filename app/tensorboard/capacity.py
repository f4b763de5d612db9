"""How many children there may be, which of them have had their time, and how one is asked after."""

import signal
from collections.abc import Mapping

from app.tensorboard import commands
from app.tensorboard.places import prefix
from app.tensorboard.units import Kind, Limits, State, Unit

Units = Mapping[tuple[str, Kind], Unit]


def room(units: Units, unit: Unit, limits: Limits, now: float) -> bool | Unit:
    """Whether one more of this kind may start now; or the one to stop first, the least recently used.

    Those that wait go in the order in which they came: when more are asked for than may live, each has its turn.
    """
    same = [other for other in units.values() if other.kind is unit.kind and not other.idle]
    tensorboard = unit.kind is Kind.TENSORBOARD
    if tensorboard and sum(other.state is State.STARTING for other in same) >= limits.max_starting:
        return False
    ahead = sum(
        other.kind is unit.kind and other.idle and other.state is State.STARTING and other.since < unit.since
        for other in units.values()
    )
    if len(same) + ahead < (limits.max_live if tensorboard else limits.max_data):
        return True
    if ahead or any(other.leaving for other in same):
        return False  # its turn has not come, or room is being made already
    spare = [other for other in same if other.state is State.READY and not needed(units, other)]
    least = min(spare, key=lambda other: other.used, default=None)
    # Whoever waited for one that has just become ready has yet to see it.
    return least if least is not None and now - least.since >= limits.stays else False


def needed(units: Units, unit: Unit) -> bool:
    """Whether this is a data server that a TensorBoard stands on."""
    above = units.get((unit.slug, Kind.TENSORBOARD)) if unit.kind is Kind.DATA else None
    return above is not None and above.wanted


def unused(units: Units, unit: Unit, now: float, limits: Limits) -> bool:
    """Whether nobody has asked for it for so long that it is stopped; marks one that only a tab kept alive."""
    if needed(units, unit):
        return False
    if unit.kind is Kind.TENSORBOARD and now - unit.opened >= limits.max_age:
        unit.culled = True
        return True
    return now - unit.used >= limits.idle


def probe(kind: Kind, slug: str, port: int, timeout: float) -> str | None:
    """None when the child works, else what is wrong; waits up to `timeout` seconds."""
    if kind is Kind.DATA:
        from app.metrics.dataserver import health  # with grpc, a fifth of a second of the server's start

        return health(f"127.0.0.1:{port}", timeout)
    return commands.health(port, prefix(slug), timeout)


def ending(code: int) -> str:
    """How a child ended, in words that follow its name."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
