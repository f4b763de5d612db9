import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from danlu.batches import size_of, to_device
from danlu.data import _LoaderBatches, _TensorBatches, batches_of
from danlu.shards import IndexShards, Shard, cut
from danlu.source import Batches, Piece

X = torch.arange(46.0).reshape(23, 2)
Y = torch.arange(23)
PAIRS = TensorDataset(X, Y)
NESTED = Subset(Subset(PAIRS, list(range(20, 0, -1))), torch.tensor([3, 1, 4, 1, 5, 9, -2]))  # type: ignore[arg-type]
WEIGHTS = [1.0, 5.0] * 11 + [3.0]


def generator(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return bool(torch.equal(one, other)) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        same = type(one) is type(other) and len(one) == len(other)
        return same and all(map(equal, one, other))
    return bool(one == other)


def of(data: Any, **options: Any) -> Batches:
    return batches_of(data, name="train_data", **options)


LOADERS: dict[str, Callable[[], DataLoader[Any]]] = {
    "in order": lambda: DataLoader(PAIRS, batch_size=4),
    "shuffled": lambda: DataLoader(PAIRS, batch_size=4, shuffle=True),
    "drop_last": lambda: DataLoader(PAIRS, batch_size=4, shuffle=True, drop_last=True),
    "drop_last in order": lambda: DataLoader(PAIRS, batch_size=5, drop_last=True),
    "subset": lambda: DataLoader(Subset(PAIRS, range(3, 17)), batch_size=4, shuffle=True),
    "nested subsets": lambda: DataLoader(NESTED, batch_size=3, shuffle=True),
    "weighted": lambda: DataLoader(PAIRS, 4, sampler=WeightedRandomSampler(WEIGHTS, 30)),
    "weighted, own": lambda: DataLoader(
        PAIRS, 4, sampler=WeightedRandomSampler(WEIGHTS, 9, generator=generator())
    ),
    "some at random": lambda: DataLoader(PAIRS, 4, sampler=SubsetRandomSampler([2, 3, 5, 7, 11, 13])),
    "some, own": lambda: DataLoader(PAIRS, 4, sampler=SubsetRandomSampler([2, 3, 5, 7, 11], generator())),
    "with replacement": lambda: DataLoader(PAIRS, 4, sampler=RandomSampler(PAIRS, True, 50)),
    "more than there are": lambda: DataLoader(
        PAIRS, 4, sampler=RandomSampler(PAIRS, num_samples=60, generator=generator())
    ),
    "a list": lambda: DataLoader(PAIRS, 4, sampler=[4, 2, -1, 22, 0]),
    "from the end": lambda: DataLoader(Subset(PAIRS, [-1, -2, 0]), batch_size=2),
    "own generator": lambda: DataLoader(PAIRS, 4, shuffle=True, generator=generator()),
    "batch sampler": lambda: DataLoader(PAIRS, batch_sampler=BatchSampler(RandomSampler(PAIRS), 6, False)),
    "one tensor": lambda: DataLoader(TensorDataset(Y), 5, shuffle=True),
    "a worker": lambda: DataLoader(PAIRS, 9, shuffle=True, num_workers=1),
}


@pytest.mark.parametrize("name", LOADERS)
def test_slices_are_the_very_batches_of_the_loader_and_draw_alike(name: str) -> None:
    torch.manual_seed(3)
    loader = LOADERS[name]()
    theirs, after = [], []
    for _ in range(3):
        theirs.append(list(loader))
        after.append(torch.rand(2))
    torch.manual_seed(3)
    ours = of(LOADERS[name]())
    assert isinstance(ours, _TensorBatches)
    for batches, state in zip(theirs, after, strict=True):
        pieces = list(ours.start())
        assert equal([piece.batch for piece in pieces], batches)
        assert torch.equal(torch.rand(2), state)
        assert [(piece.size, piece.total) for piece in pieces] == [(len(b[0]), len(b[0])) for b in batches]
        assert ours.length == len(batches)


class Doubled(TensorDataset):
    def __getitem__(self, index: int) -> Any:
        return tuple(2 * item[index] for item in self.tensors)


class Transformed(Dataset[Any]):
    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> Any:
        return X[index] + torch.rand(()), Y[index]


class Picky(Subset[Any]):
    def __getitems__(self, indices: list[int]) -> list[Any]:
        return [(X[index] + 1, Y[index]) for index in indices]

    def __getitem__(self, index: Any) -> Any:
        return X[index] + 1, Y[index]


class OddLoader(DataLoader[Any]):
    def __iter__(self) -> Any:
        return iter([next(super().__iter__())])


class Backwards(RandomSampler):
    def __iter__(self) -> Iterator[int]:
        return iter(range(9, -1, -1))


class Twice(BatchSampler):
    def __iter__(self) -> Iterator[list[int]]:
        for batch in super().__iter__():
            yield batch
            yield batch


def summed(samples: list[Any]) -> Tensor:
    return torch.stack([x.sum() + y for x, y in samples])


SLOW: dict[str, Callable[[], DataLoader[Any]]] = {
    "a subclass": lambda: DataLoader(Doubled(X, Y), 4, shuffle=True),
    "a subset of a subclass": lambda: DataLoader(Subset(Doubled(X, Y), [1, 2]), 4),
    "a subclass of Subset": lambda: DataLoader(Picky(PAIRS, [1, 2, 3]), 2),
    "a transform": lambda: DataLoader(Transformed(), 4, shuffle=True),
    "collate_fn": lambda: DataLoader(PAIRS, 4, shuffle=True, collate_fn=summed),
    "requires_grad": lambda: DataLoader(TensorDataset(X.clone().requires_grad_(), Y), 4),
    "a parameter": lambda: DataLoader(TensorDataset(torch.nn.Parameter(X.clone(), requires_grad=False)), 4),
    "a subclassed loader": lambda: OddLoader(PAIRS, 4),
    "a sampler of one's own": lambda: DataLoader(PAIRS, 4, sampler=Backwards(PAIRS)),
    "a batch sampler of one's own": lambda: DataLoader(
        PAIRS, batch_sampler=Twice(RandomSampler(PAIRS), 6, False)
    ),
    "no batches": lambda: DataLoader(PAIRS, batch_size=None, sampler=[3, 1]),
    "sparse": lambda: DataLoader(
        TensorDataset(X.to_sparse()),
        batch_size=4,
        collate_fn=lambda b: torch.stack([i[0].to_dense() for i in b]),
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_what_does_more_than_slicing_goes_through_its_loader(name: str) -> None:
    torch.manual_seed(3)
    loader = SLOW[name]()
    theirs = [list(loader) for _ in range(2)]
    after = torch.rand(2)
    torch.manual_seed(3)
    ours = of(SLOW[name]())
    assert isinstance(ours, _LoaderBatches)
    assert all(equal([piece.batch for piece in ours.start()], batches) for batches in theirs)
    assert torch.equal(torch.rand(2), after)


@pytest.mark.parametrize("skip", [0, 1, 3, 6])
@pytest.mark.parametrize("name", ["shuffled", "weighted", "own generator", "more than there are", "a worker"])
def test_an_epoch_that_begins_in_the_middle_is_the_rest_of_it(name: str, skip: int) -> None:
    torch.manual_seed(5)
    whole = [piece.batch for piece in of(LOADERS[name]()).start()]
    after = torch.rand(2)
    torch.manual_seed(5)
    assert equal([piece.batch for piece in of(LOADERS[name]()).start(skip)], whole[skip:])
    assert torch.equal(torch.rand(2), after)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_transform_that_draws_goes_on_where_it_was(workers: int) -> None:
    def source() -> Batches:
        return of(DataLoader(Transformed(), 4, shuffle=True, num_workers=workers))

    torch.manual_seed(5)
    whole = [piece.batch for piece in source().start()]
    torch.manual_seed(5)
    assert equal([piece.batch for piece in source().start(2)], whole[2:])


def test_data_that_changes_in_the_middle_of_an_epoch_comes_as_it_is_then() -> None:
    x = torch.arange(40.0)
    seen = []
    for number, piece in enumerate(of(DataLoader(TensorDataset(x), 4)).start()):
        seen.append(piece.batch[0])
        if number % 2:
            x.add_(100.0)
    assert [int(batch[0]) for batch in seen] == [4 * number + 100 * (number // 2) for number in range(10)]


def test_tensors_lists_and_dicts_of_tensors() -> None:
    pieces = list(of(X, batch_size=10).start())
    assert [piece.size for piece in pieces] == [10, 10, 3]
    assert equal(pieces[2].batch, [X[20:]])
    assert equal(
        [piece.batch for piece in of((X, Y), batch_size=20).start()], [[X[:20], Y[:20]], [X[20:], Y[20:]]]
    )
    assert equal([piece.batch for piece in of([X, Y], batch_size=23).start()], [[X, Y]])
    assert equal(
        [piece.batch for piece in of({"ids": Y, "labels": X}, batch_size=20).start()],
        [{"ids": Y[:20], "labels": X[:20]}, {"ids": Y[20:], "labels": X[20:]}],
    )
    torch.manual_seed(0)
    mixed = torch.cat([piece.batch["ids"] for piece in of({"ids": Y}, shuffle=True).start()])
    assert not torch.equal(mixed, Y)
    assert torch.equal(mixed.sort().values, Y)


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter([(X[index], Y[index]) for index in range(7)])


class Counted(Stream):
    def __len__(self) -> int:
        return 7


def test_iterable_datasets_lists_and_functions() -> None:
    stream = of(Stream(), batch_size=3)
    assert stream.length is None
    assert [piece.size for piece in stream.start()] == [3, 3, 1]
    assert [piece.size for piece in stream.start(2)] == [1]
    assert of(Counted(), batch_size=3).length == 3
    batches = [(X[:4], Y[:4]), (X[4:], Y[4:])]
    assert of(batches).length == 2
    assert [piece.size for piece in of(batches).start()] == [4, 19]
    made = of(lambda: iter(batches))
    assert made.length is None
    for _ in range(2):
        assert equal([piece.batch for piece in made.start()], batches)
        assert equal([piece.batch for piece in made.start(1)], batches[1:])


def test_what_is_no_data_is_refused_and_named() -> None:
    with pytest.raises(ValueError, match="train_data is an iterator"):
        of(iter([X]))
    with pytest.raises(ValueError, match="train_data is an iterator"):
        of(batch for batch in [X])
    with pytest.raises(TypeError, match=r"train_data must be .* not int"):
        of(3)
    empty: list[Any] = [
        [],
        DataLoader(TensorDataset(X[:0])),
        TensorDataset(X[:0]),
        X[:0],
        DataLoader(TensorDataset(X[:3]), 4, drop_last=True),
    ]
    for nothing in empty:
        with pytest.raises(ValueError, match="train_data is empty"):
            of(nothing)
    with pytest.raises(ValueError, match=r"one length, not the shapes \(23, 2\), \(22,\)"):
        of((X, Y[:22]))
    with pytest.raises(ValueError, match=r"one length, not the shapes \(23,\), \(\)"):
        of({"x": Y, "y": torch.tensor(1.0)})


class Sized:
    size: Any = 3

    def __iter__(self) -> Iterator[Tensor]:
        return itertools.repeat(X)  # without an end


def test_size_limits_the_batches_of_an_epoch() -> None:
    endless = of(Sized())
    assert endless.length == 3
    assert [piece.size for piece in endless.start()] == [23] * 3
    assert len(list(endless.start(2))) == 1
    assert not list(endless.start(3))
    loader = DataLoader(PAIRS, 10)
    loader.size = 2
    assert equal([piece.batch for piece in of(loader).start(1)], [[X[10:20], Y[10:20]]])
    loader.size = 9
    assert of(loader).length == 3


def test_size_of_a_batch() -> None:
    assert size_of(X) == size_of([X, Y]) == size_of({"a": {"b": Y}}) == size_of((("name", X), Y)) == 23
    assert size_of(torch.tensor(1.0)) == size_of("text") == size_of(3) == 1
    assert size_of(["a", "b"]) == 2
    assert size_of(X.numpy()) == 23


def test_moving_keeps_the_kind() -> None:
    Named = namedtuple("Named", "x y")  # noqa: PYI024
    device = torch.device("meta")
    moved = to_device({"a": [X, (Y, "text")], "n": Named(X, 1), "o": OrderedDict(x=X)}, device)
    assert (
        moved["a"][0].device
        == moved["a"][1][0].device
        == moved["n"].x.device
        == moved["o"]["x"].device
        == device
    )
    assert moved["a"][1][1] == "text"
    assert type(moved["n"]) is Named
    assert type(moved["o"]) is OrderedDict
    assert to_device(X, X.device) is X


# -- several processes


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("samples", [1, 2, 3, 7, 8])
def test_the_parts_of_a_batch_are_the_batch(world: int, samples: int) -> None:
    indices = torch.arange(10, 10 + samples)
    found, counted = [], 0
    for rank in range(world):
        mine, size = Shard(rank, world).indices(indices)
        assert len(mine) == max(size, 1)
        found += mine[:size].tolist()
        counted += size
    assert found == indices.tolist()
    assert counted == samples


@pytest.mark.parametrize("world", [1, 2, 3])
def test_index_shards_hold_every_sample_of_every_batch_once(world: int) -> None:
    batches = [[3, 1, 4], [5], [9, 2, 6, 5], [8, 7]]
    shards = [IndexShards(batches, Shard(rank, world)) for rank in range(world)]
    for number, batch in enumerate(batches):
        parts = [(shard.mine[number], shard.sizes[number]) for shard in shards]
        assert [index for mine, (size, _) in parts for index in mine[:size]] == batch
        assert all(total == len(batch) for _, (_, total) in parts)
        assert all(mine for mine, _ in parts)


@pytest.mark.parametrize("world", [2, 3])
def test_a_batch_of_any_kind_is_cut(world: int) -> None:
    batch = {"x": X[:5], "pair": (Y[:5], [X[:5]]), "words": list("abcde"), "scale": torch.tensor(2.0), "n": 3}
    parts = [Piece(*cut(batch, 5, Shard(rank, world))) for rank in range(world)]
    assert sum(part.size for part in parts) == 5
    assert torch.equal(torch.cat([part.batch["x"] for part in parts]), X[:5])
    assert torch.equal(torch.cat([part.batch["pair"][1][0] for part in parts]), X[:5])
    assert "".join(word for part in parts for word in part.batch["words"]) == "abcde"
    assert all(part.batch["scale"] == 2 and part.batch["n"] == 3 for part in parts)
    alone = [Piece(*cut([X[:1], Y[:1]], 1, Shard(rank, world))) for rank in range(world)]
    assert [part.size for part in alone] == [1] + [0] * (world - 1)
    assert all(len(part.batch[0]) == 1 for part in alone)
    words = [Piece(*cut(["a", "b", "c"], 3, Shard(rank, world))) for rank in range(world)]
    assert [word for part in words for word in part.batch[: part.size]] == ["a", "b", "c"]
