"""Adam on all small parameters at once takes the very steps that Adam takes."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from danlu.flat import MOST, FlatAdam

Make = Callable[[nn.Module], torch.optim.Optimizer]


def net(width: int = 17) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, width), nn.Tanh(), nn.LayerNorm(width), nn.Linear(width, 5), nn.ReLU(), nn.Linear(5, 1)
    )


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: Callable[[], object],
    steps: int,
    each: Callable[[int], None] | None = None,
) -> None:
    generator = torch.Generator().manual_seed(1)
    for number in range(steps):
        x = torch.randn(16, 3, generator=generator)
        optimizer.zero_grad()
        (model(x) - x.sum(1, keepdim=True)).square().mean().backward()
        step()
        if each:
            each(number)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


OPTIMIZERS: dict[str, Make] = {
    "adam": lambda model: torch.optim.Adam(model.parameters(), lr=1e-2),
    "decay": lambda model: torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=0.1, betas=(0.8, 0.9)),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1),
    "groups": lambda model: torch.optim.AdamW(
        [{"params": list(model[0].parameters())}, {"params": list(model[2:].parameters()), "lr": 1e-3}],
        lr=1e-2,
    ),
    "amsgrad": lambda model: torch.optim.Adam(model.parameters(), lr=1e-2, amsgrad=True),
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_steps_are_the_optimizers_own_to_the_bit(name: str) -> None:
    plain, model = net(), net()
    optimizer, other = OPTIMIZERS[name](plain), OPTIMIZERS[name](model)
    flat = FlatAdam(other)
    schedules = [torch.optim.lr_scheduler.ExponentialLR(item, 0.99) for item in (optimizer, other)]
    train(plain, optimizer, optimizer.step, 300, lambda _: schedules[0].step())
    train(model, other, flat.step, 300, lambda _: schedules[1].step())
    assert (flat._pieces is not None) == (name not in {"amsgrad", "sgd"})
    assert same(plain.state_dict(), model.state_dict())
    assert same(optimizer.state_dict(), other.state_dict())


def test_a_state_saved_in_between_is_loaded_by_the_optimizer_alone(tmp_path) -> None:
    plain, model = net(), net()
    optimizer, other = OPTIMIZERS["adam"](plain), OPTIMIZERS["adam"](model)
    flat = FlatAdam(other)
    train(plain, optimizer, optimizer.step, 20)
    train(model, other, flat.step, 20)
    torch.save({"net": model.state_dict(), "optimizer": other.state_dict()}, tmp_path / "x.pt")
    loaded = torch.load(tmp_path / "x.pt", weights_only=True)
    third = net()
    last = OPTIMIZERS["adam"](third)
    third.load_state_dict(loaded["net"])
    last.load_state_dict(loaded["optimizer"])
    again = FlatAdam(last)
    train(plain, optimizer, optimizer.step, 20)
    train(third, last, again.step, 20)
    assert same(plain.state_dict(), third.state_dict())
    assert same(optimizer.state_dict(), last.state_dict())


def test_afterwards_every_parameter_has_its_own_memory() -> None:
    model = net()
    optimizer = OPTIMIZERS["adam"](model)
    flat = FlatAdam(optimizer)
    train(model, optimizer, flat.step, 5)
    assert len({item.untyped_storage().data_ptr() for item in model.parameters()}) == 1
    before = copy.deepcopy(model.state_dict())
    flat.release()
    assert same(before, model.state_dict())
    averages = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "step")]
    tensors = [*model.parameters(), *averages]
    assert all(item.untyped_storage().nbytes() == item.nbytes for item in tensors)


def frozen(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model[0].weight.requires_grad_(requires_grad=False)
    model[0].weight.grad = None


def replaced(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model[0].weight.data = model[0].weight.data * 0.5


def reloaded(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def grown(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    torch.manual_seed(2)
    model.extra = nn.Linear(1, 1)
    optimizer.add_param_group({"params": list(model.extra.parameters())})
    model.extra.weight.grad = torch.ones(1, 1)
    model.extra.bias.grad = torch.ones(1)


@pytest.mark.parametrize("change", [frozen, replaced, reloaded, grown], ids=lambda item: item.__name__)
def test_what_somebody_changes_meanwhile_is_seen(change: Callable[..., None]) -> None:
    plain, model = net(), net()
    optimizer, other = OPTIMIZERS["adam"](plain), OPTIMIZERS["adam"](model)
    flat = FlatAdam(other)
    train(
        plain,
        optimizer,
        optimizer.step,
        30,
        lambda number: change(plain, optimizer) if number == 10 else None,
    )
    train(model, other, flat.step, 30, lambda number: change(model, other) if number == 10 else None)
    assert same(plain.state_dict(), model.state_dict())


def test_gradients_with_a_graph_of_their_own_are_stepped_on_alike() -> None:
    plain, model = net(), net()
    optimizer, other = OPTIMIZERS["adam"](plain), OPTIMIZERS["adam"](model)
    flat = FlatAdam(other)
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
    for each, by, step in ((plain, optimizer, optimizer.step), (model, other, flat.step)):
        for number in range(9):
            by.zero_grad()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such gradients keep themselves alive
                each(x).square().mean().backward(create_graph=number % 3 == 2)
            step()
        by.zero_grad()
    assert same(plain.state_dict(), model.state_dict())


def test_large_and_strange_parameters_are_left_to_the_optimizer() -> None:
    large = nn.Linear(MOST, 1)
    shared = nn.Linear(4, 4)
    shared.bias.data = shared.weight.data[0]
    for model in (large, shared, nn.Linear(3, 3).double()):
        flat = FlatAdam(torch.optim.Adam(model.parameters()))
        model(torch.ones(1, model.in_features, dtype=model.weight.dtype)).sum().backward()
        flat.step()
        assert flat._pieces is None
