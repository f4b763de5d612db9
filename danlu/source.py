"""A source of batches, and what one process does of each."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader


class Piece(NamedTuple):
    """What one process does of one batch."""

    batch: Any
    size: int
    """Samples that count; 0 where the batch is a stand-in, because another process has all there is."""
    total: int
    """Samples of the whole batch, over all processes."""


class Batches:
    """One source of batches. `start` begins an epoch; it may be called any number of times.

    Attributes:
        length: batches of an epoch; None when nobody knows.
        generators: the random generators of its own that it draws from.
    """

    length: int | None = None
    generators: Sequence[torch.Generator] = ()

    def start(self, skip: int = 0) -> Iterator[Piece]:
        """The batches of an epoch from number `skip` on (0-based).

        What an epoch draws at its start, and what the skipped batches drew, is drawn when this returns.
        """
        raise NotImplementedError

    def set_epoch(self, epoch: int) -> None:
        """An epoch (0-based) is about to start: a DistributedSampler of the user's wants to know."""


def generators_of(loader: DataLoader[Any]) -> list[torch.Generator]:
    """The generators of a loader and its samplers, each once."""
    sampler: Any = loader.batch_sampler
    holders = (loader, loader.sampler, sampler, getattr(sampler, "sampler", None))
    found = [getattr(holder, "generator", None) for holder in holders]
    return list({id(item): item for item in found if isinstance(item, torch.Generator)}.values())


def tell_epoch(loader: DataLoader[Any], epoch: int) -> None:
    """Tell the samplers of a loader which epoch begins, where they want to know."""
    samplers: tuple[Any, ...] = (
        loader.sampler,
        getattr(loader.batch_sampler, "sampler", loader.batch_sampler),
    )
    for sampler in samplers:
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
