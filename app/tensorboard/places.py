"""Names: below which path a TensorBoard answers, and where runs lie that are not in their experiment's folder. Pure."""

from dataclasses import dataclass
from pathlib import Path

COLLECTION = "@"
"""Begins the key of a collection's TensorBoard; no slug has it."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A run's folder that the mirror is told of.

    Attributes:
        path: absolute, without links in it.
        folders: which of the folders at or below it are read ("" is itself); None: all.
    """

    path: Path
    folders: tuple[str, ...] | None = None


def prefix(key: str) -> str:
    """Path below which a TensorBoard answers, here and at its own port; no slash at the end.

    Args:
        key: an experiment's slug, or a collection's id behind `COLLECTION`.
    """
    if key.startswith(COLLECTION):
        return f"/tensorboard/{key[len(COLLECTION) :]}"
    return f"/experiments/{key}/tensorboard"
