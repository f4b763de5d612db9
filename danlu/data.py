"""Whatever holds data as batches: DataLoaders, datasets, tensors, iterables, from the n-th batch of an epoch on.

Data that sits in tensors is sliced a batch at a time instead of being collated sample by sample, in the very order
that its DataLoader would give and with the same draws from the random generators: same batches, same bits.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from danlu import rng
from danlu.batches import size_of, versions
from danlu.shards import SOLO, IndexShards, Shard, cut
from danlu.source import Batches, Piece, generators_of, tell_epoch

# These draw everything at the start of an epoch, from a generator of their own or before the first batch.
_KNOWN_SAMPLERS = (
    SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler, DistributedSampler, list, range,
)  # fmt: skip
_PLACED_BYTES = 1 << 30
"""Tensors up to this size move to the device once instead of batch by batch."""

_AHEAD, _AHEAD_BYTES = 16, 1 << 20
"""Batches out of tensors that are gathered at a time, and what they may take."""


def batches_of(
    data: Any,
    *,
    name: str,
    batch_size: int = 32,
    shuffle: bool = False,
    num_workers: int = 0,
    device: torch.device | None = None,
    shard: Shard = SOLO,
) -> Batches:
    """Anything that holds data, as batches.

    Args:
        data: a DataLoader; a Dataset (map-style or iterable); a tensor or array, or several of one length (tensors also as a dict); an
            iterable of batches; or a function that returns one. An integer attribute `size` limits the batches of an epoch.
        name: of the argument, for messages.
        batch_size, shuffle, num_workers: for what is no loader yet.
        device: where the batches will be used.
        shard: this process's part of each batch.

    Raises:
        TypeError: it is nothing of that kind.
        ValueError: it is empty, its tensors differ in length, or it can be iterated only once.
    """
    names = None
    if isinstance(data, Mapping) and data and all(isinstance(value, Tensor) for value in data.values()):
        names, data = list(data), tuple(data.values())
    if isinstance(data, np.ndarray) or (
        isinstance(data, tuple | list) and data and all(isinstance(value, np.ndarray) for value in data)
    ):
        data = [torch.as_tensor(value) for value in (data if isinstance(data, tuple | list) else [data])]
    if isinstance(data, Tensor):
        data = (data,)
    if isinstance(data, tuple | list) and data and all(isinstance(value, Tensor) for value in data):
        lengths = {len(tensor) for tensor in data if tensor.ndim}
        if len(lengths) != 1 or any(not tensor.ndim for tensor in data):
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in data)
            raise ValueError(f"{name}: its tensors must have one length, not the shapes {shapes}")
        data = TensorDataset(*data)
    if isinstance(data, Dataset):
        data = _loader(data, name, batch_size, shuffle, num_workers)
    if isinstance(data, DataLoader):
        found: Batches = _of_loader(data, names, device, shard)
    else:
        found = _IterableBatches(data, name, shard)
    limit = getattr(data, "size", None)
    if isinstance(limit, int) and not isinstance(limit, bool):
        found = _Limited(found, limit)
    if found.length == 0:
        raise ValueError(f"{name} is empty: it gives no batch")
    return found


def _loader(
    data: Dataset[Any], name: str, batch_size: int, shuffle: bool, num_workers: int
) -> DataLoader[Any]:
    if isinstance(data, IterableDataset):
        return DataLoader(data, batch_size=batch_size, num_workers=num_workers)
    if not len(data):  # type: ignore[arg-type]
        raise ValueError(f"{name} is empty: it holds no sample")
    return DataLoader(data, batch_size=batch_size, shuffle=shuffle, num_workers=num_workers)


def _of_loader(
    loader: DataLoader[Any], names: list[str] | None, device: torch.device | None, shard: Shard
) -> Batches:
    tensors = _tensors_of(loader)
    if tensors is not None:
        return _TensorBatches(loader, *tensors, names, device, shard)
    return _LoaderBatches(loader, shard)


def _tensors_of(loader: DataLoader[Any]) -> tuple[tuple[Tensor, ...], Tensor | None] | None:
    """The tensors that a loader takes its batches from, and which samples of them; None when it does anything else."""
    plain = (
        type(loader) is DataLoader
        and loader.collate_fn is default_collate
        and type(loader.batch_sampler) is BatchSampler
        and type(loader.batch_sampler.sampler) in _KNOWN_SAMPLERS
        and not loader.persistent_workers  # its generator is drawn from once, not once an epoch
        and loader.timeout == 0
    )
    dataset: Any = loader.dataset
    chosen: Tensor | None = None
    while type(dataset) is Subset:
        indices = torch.as_tensor(dataset.indices, dtype=torch.int64)
        chosen = indices if chosen is None else indices[chosen]
        dataset = dataset.dataset
    if not plain or type(dataset) is not TensorDataset:
        return None
    tensors = dataset.tensors
    usable = all(
        type(tensor) is Tensor
        and tensor.layout == torch.strided
        and not tensor.requires_grad
        and not tensor.is_inference()  # whether it was changed, it cannot tell
        for tensor in tensors
    )
    if not usable or len({tensor.device for tensor in tensors}) != 1:
        return None
    return tensors, chosen


class _TensorBatches(Batches):
    """Batches sliced out of tensors: one gather a tensor where collating takes a Python call a sample."""

    def __init__(
        self,
        loader: DataLoader[Any],
        tensors: tuple[Tensor, ...],
        chosen: Tensor | None,
        names: list[str] | None,
        device: torch.device | None,
        shard: Shard,
    ) -> None:
        self._loader, self._chosen, self._names, self._shard = loader, chosen, names, shard
        self._batch_sampler: Any = loader.batch_sampler
        self.length = len(loader)
        self.generators = generators_of(loader)
        small = sum(tensor.nbytes for tensor in tensors) <= _PLACED_BYTES
        self._tensors = tuple(tensor.to(device) for tensor in tensors) if device and small else tensors

    def set_epoch(self, epoch: int) -> None:
        tell_epoch(self._loader, epoch)

    def start(self, skip: int = 0) -> Iterator[Piece]:
        batch_size = self._batch_sampler.batch_size
        with self._shard.same_draws():
            # The two draws that the DataLoader's own iterator makes, in its order: a seed for workers, then the sampler's.
            torch.empty((), dtype=torch.int64).random_(generator=self._loader.generator)
            order = torch.as_tensor(list(self._batch_sampler.sampler), dtype=torch.int64)
        if self._batch_sampler.drop_last:
            order = order[: len(order) // batch_size * batch_size]
        if self._chosen is not None:
            order = self._chosen[order]
        # -1 is the last sample, as in a list.
        order = torch.where(order < 0, order + len(self._tensors[0]), order).to(self._tensors[0].device)
        return self._slices(order.split(batch_size)[skip:])  # type: ignore[no-untyped-call]

    def _slices(self, batches: Sequence[Tensor]) -> Iterator[Piece]:
        """Small batches are gathered some at a time: one right after the other, gathers take a third of the time."""
        ahead, place = self._ahead(), 0
        while place < len(batches):
            before = versions(self._tensors)
            for piece in [self._gather(indices) for indices in batches[place : place + ahead]]:
                if versions(self._tensors) != before:
                    break  # somebody changed the data meanwhile: what is gathered is out of date
                place += 1
                yield piece

    def _ahead(self) -> int:
        size: int = self._batch_sampler.batch_size * sum(tensor[:1].nbytes for tensor in self._tensors)
        return max(1, min(_AHEAD, _AHEAD_BYTES // max(1, size)))

    def _gather(self, indices: Tensor) -> Piece:
        mine, size = self._shard.indices(indices)
        batch = [tensor.index_select(0, mine) for tensor in self._tensors]
        named = batch if self._names is None else dict(zip(self._names, batch, strict=True))
        return Piece(named, size, indices.shape[0])


class _LoaderBatches(Batches):
    """A DataLoader as it is; of several processes each loads its own samples where the loader says which those are."""

    def __init__(self, loader: DataLoader[Any], shard: Shard) -> None:
        self._loader, self._shard = loader, shard
        self.generators = generators_of(loader)
        self.length = _length(loader)
        self._indexed = loader.batch_sampler is not None and not isinstance(loader.dataset, IterableDataset)

    def set_epoch(self, epoch: int) -> None:
        tell_epoch(self._loader, epoch)

    def start(self, skip: int = 0) -> Iterator[Piece]:
        if self._shard.world > 1 and self._indexed:
            return self._own_samples(skip)
        if self._loader.persistent_workers and getattr(self._loader, "_iterator", None) is None:
            # Such a loader draws once more when it begins: here in vain, so that an epoch draws the same
            # whether it is the loader's first one or not.
            before = rng.capture(self.generators)
            iter(self._loader)
            rng.restore(before, self.generators)
        with self._shard.same_draws():
            iterator = iter(self._loader)
        return _rest(iterator, skip, self._shard)

    def _own_samples(self, skip: int) -> Iterator[Piece]:
        loader = self._loader
        with self._shard.same_draws():
            # The two draws of a DataLoader's iterator, in its order: what one process trains on, several do.
            seed = torch.empty((), dtype=torch.int64).random_(generator=loader.generator).item()
            shards = IndexShards(loader.batch_sampler, self._shard)  # type: ignore[arg-type]
        seeds = torch.Generator().manual_seed(
            (int(seed) + self._shard.rank) % 2**63
        )  # of this process's workers
        own: DataLoader[Any] = DataLoader(
            loader.dataset, batch_sampler=shards.mine[skip:], collate_fn=loader.collate_fn,
            num_workers=loader.num_workers, pin_memory=loader.pin_memory, worker_init_fn=loader.worker_init_fn,
            timeout=loader.timeout, multiprocessing_context=loader.multiprocessing_context, generator=seeds,
        )  # fmt: skip
        return (
            Piece(batch, size, total) for batch, (size, total) in zip(own, shards.sizes[skip:], strict=True)
        )


class _IterableBatches(Batches):
    """Any iterable of batches, or a function that makes one."""

    def __init__(self, data: Iterable[Any] | Callable[[], Iterable[Any]], name: str, shard: Shard) -> None:
        if not callable(data) and not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
            raise TypeError(
                f"{name} must be a DataLoader, a Dataset, tensors or an iterable of batches, not {type(data).__name__}"
            )
        if hasattr(data, "__next__"):
            raise ValueError(
                f"{name} is an iterator, which can be read only once; give a list, a DataLoader, or the function that makes it"
            )
        self._data, self._shard = data, shard
        self.length = _length(data)

    def start(self, skip: int = 0) -> Iterator[Piece]:
        iterable = self._data() if callable(self._data) else self._data
        return _rest(iter(iterable), skip, self._shard)


class _Limited(Batches):
    """The first batches of each epoch only."""

    def __init__(self, whole: Batches, limit: int) -> None:
        self._whole, self._limit = whole, limit
        self.generators = whole.generators
        self.length = limit if whole.length is None else min(limit, whole.length)

    def set_epoch(self, epoch: int) -> None:
        self._whole.set_epoch(epoch)

    def start(self, skip: int = 0) -> Iterator[Piece]:
        return itertools.islice(self._whole.start(skip), max(self._limit - skip, 0))


def _rest(iterator: Iterator[Any], skip: int, shard: Shard) -> Iterator[Piece]:
    """What is left of an iterator whose first batches are read and dropped now."""
    for _ in range(skip):
        next(iterator, None)
    return (_piece(batch, size_of(batch), shard) for batch in iterator)


def _piece(batch: Any, size: int, shard: Shard) -> Piece:
    return Piece(batch, size, size) if shard.world == 1 else Piece(*cut(batch, size, shard))


def _length(data: object) -> int | None:
    try:
        return len(data)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return None
