"""Checkpoints that are whole or absent: written beside, forced to the disk, then renamed."""

import os
from pathlib import Path
from typing import Any

import torch

from danlu.recipe import CheckpointUnreadable


def save(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint at ``path`` by ``state``; a kill at any moment leaves the old one or the new one.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        with beside.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path, device: str) -> dict[str, Any] | None:
    """The checkpoint at ``path`` with its tensors on ``device``; None when there is none yet.

    Raises:
        CheckpointUnreadable: it is there but broken.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise CheckpointUnreadable(f"{path} cannot be read: {error}") from error
    if not isinstance(state, dict):
        raise CheckpointUnreadable(f"{path} holds no state but a {type(state).__name__}")
    return state
