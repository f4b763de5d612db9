"""Make metrics of what others wrote: torchmetrics' objects, torchkeras' metrics, plain functions."""

import copy
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from danlu.metrics.base import Metric, wide

log = logging.getLogger(__name__)

BATCHES = "batches seen"
"""The key of a foreign metric's count: no name that one of its own attributes could have."""

_ITEM = re.compile(r"(.+)\[(\d+)\]")


def as_metric(name: str, obj: object) -> Metric:
    """The object as a :class:`Metric`.

    Args:
        name: what the user calls it; errors name it.
        obj: a :class:`Metric` (returned as it is); an object with ``update`` (or callable), ``compute`` and
            ``reset``, such as those of torchmetrics; or a function of ``(preds, labels)`` that returns one number,
            which is averaged over batches, each weighted by its size.

    Raises:
        TypeError: it is none of these; a class is to be given as an instance.
    """
    if isinstance(obj, Metric):
        return obj
    if isinstance(obj, type):
        raise TypeError(f"metric {name!r} is the class {obj.__name__}; give an instance: {obj.__name__}()")
    if callable(getattr(obj, "compute", None)) and callable(getattr(obj, "reset", None)):
        if callable(getattr(obj, "update", None)) or callable(obj):
            return Foreign(name, obj)
    elif callable(obj):
        return FunctionMean(name, obj)
    raise TypeError(
        f"metric {name!r} is a {type(obj).__name__}: neither a Metric, nor an object with update, compute and "
        "reset, nor a function of (preds, labels)"
    )


class FunctionMean(Metric):
    """The mean of a function of ``(preds, labels)`` over batches, weighted by their sizes (``count`` is the sum).

    A batch's size is the first dimension of ``preds``, or of ``labels`` where ``preds`` is no tensor; 1 without any.
    ``higher_is_better`` is the function's attribute of this name, else None.
    """

    sum_names: ClassVar = ("total",)

    def __init__(self, name: str, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.name = name
        self.function = function
        self.higher_is_better = _direction(function)

    def update(self, preds: Any, labels: Any) -> None:
        """Call the function for one batch.

        Raises:
            ValueError: it returned something other than one number.
        """
        size = _batch_size(preds, labels)
        if not size:  # the mean of nothing is NaN, and would stay in the sum
            return
        with torch.no_grad():
            value = _number(self.name, self.function(_detached(preds), _detached(labels)))
        self.count += size
        self.add("total", value.to(wide(value)) * size)

    def value(self) -> Tensor:
        """The weighted mean."""
        return self.sums["total"] / self.count


class Foreign(Metric):
    """An object with ``update`` (or callable), ``compute`` and ``reset``; ``count`` is the number of batches.

    Its state is what it shows: torchmetrics' ``metric_state``, else its ``state_dict()``. An object that has neither
    cannot be saved and loaded: it starts anew, and a warning says so once.
    """

    def __init__(self, name: str, obj: Any) -> None:
        super().__init__()
        self.name = name
        self.obj = obj
        self.higher_is_better = _direction(obj)
        self.device: torch.device | None = None
        self._warned = False

    def update(self, preds: Any, labels: Any) -> None:
        """Hand one batch to the object, on whose device it then is."""
        self._follow(preds if isinstance(preds, Tensor) else labels)
        feed = getattr(self.obj, "update", self.obj)
        with torch.no_grad():
            feed(_detached(preds), _detached(labels))
        self.count += 1

    def value(self) -> Tensor:
        """What the object computes.

        Raises:
            ValueError: that is something other than one number.
        """
        return _number(self.name, self.obj.compute())

    def __call__(self, preds: Any, labels: Any) -> Tensor:
        """Take in one batch and return the value of this batch alone: what the object returns when called.

        An object that cannot be called is copied for it.
        """
        if not callable(self.obj):
            self.update(preds, labels)
            batch = Foreign(self.name, copy.deepcopy(self.obj))
            batch.reset()
            batch.update(preds, labels)
            return batch.compute()
        self._follow(preds if isinstance(preds, Tensor) else labels)
        with torch.no_grad():
            value = _number(self.name, self.obj(_detached(preds), _detached(labels)))
        self.count += 1
        return value

    def reset(self) -> None:
        """Reset the object."""
        super().reset()
        self.obj.reset()

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of the object's state and, as ``batches seen``, its count; without a state to be had, empty.

        The tensors of a list are named ``name[0]``, ``name[1]``.
        """
        found = self._state()
        if found is None:
            return {}
        state = {BATCHES: torch.tensor(self.count)}
        for key, value in found.items():
            items = enumerate(value) if isinstance(value, list) else ()
            state.update((f"{key}[{index}]", item.detach().clone()) for index, item in items)
            if not isinstance(value, list):
                state[key] = torch.as_tensor(value).detach().clone()
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Reset the object and give it a state that it, or one like it, has shown before."""
        self.reset()
        if not state:
            return
        self.count = int(state[BATCHES])
        values = {key: value.clone() for key, value in state.items() if key != BATCHES}
        if not hasattr(self.obj, "metric_state"):
            self.obj.load_state_dict(values)
            return
        for key, value in self._nested(values).items():
            setattr(self.obj, key, value)
        # torchmetrics would warn that there was no batch yet, and has no public name for it.
        if hasattr(self.obj, "_update_count"):
            self.obj._update_count = self.count  # noqa: SLF001 - see above

    def merge(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Become what all these states together are, as torchmetrics itself joins them: sum, mean, most, least, row.

        Raises:
            RuntimeError: there are several, and the object does not say how its state is to be joined.
        """
        reductions = getattr(self.obj, "_reductions", None)  # torchmetrics; it has no public name
        if len(states) > 1 and (reductions is None or not all(states)):
            kind = type(self.obj).__name__
            raise RuntimeError(f"metric {self.name!r} ({kind}) cannot join the states of several processes")
        seen = [state for state in states if state and int(state[BATCHES])]
        if len(seen) > 1 and reductions is not None:
            self.load_state_dict(self._joined(seen, reductions))
        elif seen:
            self.load_state_dict(seen[0])
        # The states of all processes are in: at compute, torchmetrics would gather them once more.
        if hasattr(self.obj, "_to_sync"):
            self.obj._to_sync = False  # noqa: SLF001 - it has no public name

    def to(self, device: torch.device | str) -> Self:
        """Move the object, where it can be moved."""
        self.device = torch.device(device)
        if hasattr(self.obj, "to"):
            self.obj.to(device)
        return self

    def _joined(
        self,
        states: Sequence[Mapping[str, Tensor]],
        reductions: Mapping[str, Callable[[Tensor], Tensor] | None],
    ) -> dict[str, Tensor]:
        """One state of several that have all seen something."""
        device = next(value.device for key, value in states[0].items() if key != BATCHES)
        joined = {BATCHES: torch.stack([state[BATCHES].cpu() for state in states]).sum()}
        for key, reduce in reductions.items():
            if key in states[0]:
                stacked = torch.stack([state[key].to(device) for state in states])
                joined[key] = stacked if reduce is None else reduce(stacked)
        items = [
            (item[1], value.to(device))
            for state in states
            for key, value in state.items()
            if (item := _ITEM.fullmatch(key))
        ]
        seen = Counter[str]()
        for name, value in items:
            joined[f"{name}[{seen[name]}]"] = value
            seen[name] += 1
        return joined

    def _follow(self, batch: object) -> None:
        """Move the object to the batch's device, if it is on another one."""
        if isinstance(batch, Tensor) and batch.device != self.device:
            self.to(batch.device)

    def _state(self) -> Mapping[str, Any] | None:
        found: Any = getattr(self.obj, "metric_state", None)
        if found is None and hasattr(self.obj, "state_dict") and hasattr(self.obj, "load_state_dict"):
            found = self.obj.state_dict()
        if not found and not self._warned:
            self._warned = True
            log.warning(
                "metric %s (%s) shows no state: after a resume it starts anew",
                self.name,
                type(self.obj).__name__,
            )
        return found or None

    def _nested(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """The object's state as it holds it: with lists."""
        nested: dict[str, Any] = {
            key: [] for key, value in self.obj.metric_state.items() if isinstance(value, list)
        }
        for key, value in values.items():
            item = _ITEM.fullmatch(key)
            if item is None:
                nested[key] = value
            else:  # in order: that is how they were written
                nested.setdefault(item[1], []).append(value)
        return nested


def _direction(obj: object) -> bool | None:
    found = getattr(obj, "higher_is_better", None)
    return found if isinstance(found, bool) else None


def _detached(value: Any) -> Any:
    """The same without gradients, in tuples, lists and dicts too: a metric that keeps it must not keep a graph."""
    if isinstance(value, Tensor):
        return value.detach()
    if type(value) in (tuple, list):
        return type(value)(_detached(item) for item in value)
    if type(value) is dict:
        return {key: _detached(item) for key, item in value.items()}
    return value


def _batch_size(preds: object, labels: object) -> int:
    for batch in (preds, labels):
        if isinstance(batch, Tensor) and batch.ndim:
            return batch.shape[0]
    return 1


def _number(name: str, value: Any) -> Tensor:
    """The one number as a float of no dimensions.

    Raises:
        ValueError: it is something else.
    """
    try:
        tensor = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"metric {name!r} gives a {type(value).__name__}; one number is wanted") from None
    if tensor.numel() != 1:
        raise ValueError(
            f"metric {name!r} gives a tensor of shape {tuple(tensor.shape)}; one number is wanted"
        )
    tensor = tensor.reshape(())
    return tensor if tensor.is_floating_point() else tensor.to(wide(tensor))
