"""How many children there may be, and which of them have had their time. Pure, over the units."""

from collections.abc import Mapping

from app.tensorboard.units import Kind, Limits, State, Unit

Units = Mapping[tuple[str, Kind], Unit]


def room(units: Units, unit: Unit, limits: Limits) -> bool | Unit:
    """Whether one more of this kind may start now; or the one to stop first, the least recently used."""
    same = [other for other in units.values() if other.kind is unit.kind and not other.idle]
    tensorboard = unit.kind is Kind.TENSORBOARD
    if tensorboard and sum(other.state is State.STARTING for other in same) >= limits.max_starting:
        return False
    if len(same) < (limits.max_live if tensorboard else limits.max_data):
        return True
    if any(other.leaving for other in same):
        return False  # room is being made already
    spare = [other for other in same if other.state is State.READY and not needed(units, other)]
    return min(spare, key=lambda other: other.used) if spare else False


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
