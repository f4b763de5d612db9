"""One batch, several processes: who takes which samples, so that together they take each one exactly once.

A batch is split among the processes instead of being multiplied by their number: the updates are those of one process,
whatever their number, up to the rounding of sums.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shard:
    """The part of one process: number `rank` of `world`."""

    rank: int = 0
    world: int = 1

    def indices(self, indices: Tensor) -> tuple[Tensor, int]:
        """Of a batch's indices (N,), those of this process and their number; a stand-in counts as 0."""
        if self.world == 1:
            return indices, indices.shape[0]
        mine = indices.tensor_split(self.world)[self.rank]
        return (mine, len(mine)) if len(mine) else (indices[:1], 0)

    @contextlib.contextmanager
    def same_draws(self) -> Iterator[None]:
        """Inside, every process draws the same random numbers: those of rank 0's generator."""
        if self.world == 1:
            yield
            return
        import torch.distributed as dist

        state = [torch.get_rng_state()]
        dist.broadcast_object_list(state, src=0)
        if self.rank == 0:  # its generator goes on as that of one process would
            yield
            return
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state[0])
            yield


SOLO = Shard()
"""A process of its own."""


class IndexShards:
    """An epoch's batches of indices, drawn at once, and this process's part of each."""

    def __init__(self, batch_sampler: Iterable[Iterable[int]], shard: Shard) -> None:
        self.mine: list[list[int]] = []
        self.sizes: list[tuple[int, int]] = []
        """(samples that count here, samples of the whole batch)."""
        for chosen in batch_sampler:
            indices = torch.as_tensor(list(chosen), dtype=torch.int64)
            mine, size = shard.indices(indices)
            self.mine.append(mine.tolist())
            self.sizes.append((size, len(indices)))


def cut(batch: Any, total: int, shard: Shard) -> tuple[Any, int, int]:
    """Of a whole batch of `total` samples this process's part, how many samples of it count, and the total."""
    everything = torch.arange(total)
    mine, size = shard.indices(everything)
    first, last = int(mine[0]), int(mine[-1]) + 1
    return _slice(batch, total, first, last), size, total


def _slice(value: Any, total: int, first: int, last: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _slice(item, total, first, last) for key, item in value.items()}
    if hasattr(value, "shape"):
        return value[first:last] if len(value.shape) and value.shape[0] == total else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_slice(item, total, first, last) for item in value))
    if isinstance(value, list | tuple):
        if len(value) == total and all(isinstance(item, str | bytes | int | float) for item in value):
            return value[first:last]  # one of each sample: names, texts
        return type(value)(_slice(item, total, first, last) for item in value)
    return value
