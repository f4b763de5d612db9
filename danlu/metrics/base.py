"""What all metrics share: sums and kept values on the device of the data, their state, and how states combine."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor


class Kept:
    """A growing row of numbers on a device; adding to it copies, so that what was added may change afterwards."""

    def __init__(self) -> None:
        self.size = 0
        self.buffer: Tensor | None = None

    def append(self, values: Tensor) -> None:
        """Add a one-dimensional tensor; the row takes the wider of the types, and moves to the tensor's device."""
        size = self.size + values.numel()
        buffer = self.buffer
        if (
            buffer is None
            or buffer.numel() < size
            or buffer.device != values.device
            or (
                buffer.dtype != values.dtype
                and buffer.dtype != torch.promote_types(buffer.dtype, values.dtype)
            )
        ):
            buffer = self._grow(size, values)
        buffer[self.size : size].copy_(values)
        self.size = size

    def values(self) -> Tensor | None:
        """What was added, in order, as a view; None when nothing ever was."""
        return None if self.buffer is None else self.buffer[: self.size]

    def to(self, device: torch.device | str) -> None:
        """Move to a device."""
        if self.buffer is not None:
            self.buffer = self.buffer.to(device)

    def _grow(self, size: int, like: Tensor) -> Tensor:
        """Make room for ``size`` numbers: twice as much as before, so that growing stays cheap on average."""
        held = self.values()
        dtype = like.dtype if held is None else torch.promote_types(held.dtype, like.dtype)
        room = max(1024, size, 2 * self.size)
        # A tensor born in inference mode could not be written to outside of it.
        with torch.inference_mode(mode=False):
            buffer = torch.empty(room, dtype=dtype, device=like.device)
        if held is not None:
            buffer[: self.size].copy_(held)
        self.buffer = buffer
        return buffer


class Metric:
    """A value that is computed over many batches.

    A subclass adds to its state in :meth:`update` with :meth:`add` and :meth:`keep` (never asking a tensor for its
    value, which would wait for the device), names the state in ``sum_names`` and ``kept_names``, and computes from it
    in :meth:`value`. The state begins with the first batch and follows the batches' device.

    Attributes:
        higher_is_better: whether a greater value is a better one; None when nobody knows (a foreign metric).
        count: how many numbers (elements, samples or pixels; the metric says which) were seen. It is known from
            shapes alone, so it is no tensor.
        sums: the tensors that add up, by name.
        kept: the rows of values that are kept, by name.
    """

    higher_is_better: bool | None = True
    sum_names: ClassVar[tuple[str, ...]] = ()
    kept_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.count = 0
        self.sums: dict[str, Tensor] = {}
        self.kept: dict[str, Kept] = {}

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch.

        Raises:
            ValueError: the shapes do not fit each other; the message names them.
        """
        raise NotImplementedError

    def value(self) -> Tensor:
        """The value over what was seen, which is something, as a tensor of no dimensions."""
        raise NotImplementedError

    def compute(self) -> Tensor:
        """The value over all batches since the last reset: a float of no dimensions; NaN when there was nothing."""
        return self.value() if self.count else torch.tensor(math.nan)

    def __call__(self, preds: Tensor, labels: Tensor) -> Tensor:
        """Take in one batch and return the value of this batch alone."""
        batch = self.blank()
        batch.update(preds, labels)
        self.absorb(batch)
        return batch.compute()

    def reset(self) -> None:
        """Forget everything seen."""
        self.count = 0
        self.sums = {}
        self.kept = {}

    def blank(self) -> Self:
        """Another metric with the same settings that has seen nothing."""
        other = copy.copy(self)
        Metric.reset(other)
        return other

    def absorb(self, other: Self) -> None:
        """Take in what another metric of the same kind and settings has seen."""
        self.count += other.count
        for name, total in other.sums.items():
            self.add(name, total)
        for name, row in other.kept.items():
            values = row.values()
            if values is not None:
                self.keep(name, values)

    def add(self, name: str, value: Tensor) -> None:
        """Add a tensor without a gradient to the sum of this name, on the tensor's device."""
        held = self.sums.get(name)
        if held is None:
            self.sums[name] = value
        elif held.device == value.device:
            # Not in place: a sum born in inference mode could not be changed outside of it.
            self.sums[name] = held + value
        else:
            self.sums[name] = held.to(value.device) + value

    def keep(self, name: str, values: Tensor) -> None:
        """Append a one-dimensional tensor without a gradient to the row of this name, on the tensor's device."""
        row = self.kept.get(name)
        if row is None:
            row = self.kept[name] = Kept()
        row.append(values)

    def row(self, name: str) -> Tensor:
        """The kept values of this name; empty when there are none."""
        row = self.kept.get(name)
        values = None if row is None else row.values()
        return torch.empty(0) if values is None else values

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of everything seen: ``count`` and, once there was a batch, the sums and kept values by name."""
        state = {"count": torch.tensor(self.count)}
        state.update((name, total.clone()) for name, total in self.sums.items())
        state.update((name, self.row(name).clone()) for name in self.kept)
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state; going on from it gives the very numbers that going on without the copy would have.

        Raises:
            ValueError: it is no state of this kind of metric; the metric then is as it was before.
        """
        names = set(state) - {"count"}
        if "count" not in state or names not in ({*self.sum_names, *self.kept_names}, set()):
            raise ValueError(
                f"no state of {type(self).__name__}, which has "
                f"{['count', *self.sum_names, *self.kept_names]}: {sorted(state)}"
            )
        count = int(state["count"])
        if count and not names and (self.sum_names or self.kept_names):
            raise ValueError(f"this state of {type(self).__name__} has a count and nothing else")
        self.reset()
        self.count = count
        if names:  # in their fixed order, whatever the state's: equal metrics then save equal files
            self.sums = {name: state[name].clone() for name in self.sum_names}
            for name in self.kept_names:
                self.keep(name, state[name])

    def merge(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Become what all these states together are; what this metric had seen itself is forgotten.

        Sums add up and kept values are put one after the other, in the order given, on the last one's device.

        Args:
            states: what :meth:`state_dict` gave in each process, this one included.

        Raises:
            ValueError: one of them is no state of this kind of metric.
        """
        parts = []
        for state in states:
            part = self.blank()
            part.load_state_dict(state)
            parts.append(part)
        self.reset()
        for part in parts:
            self.absorb(part)

    def to(self, device: torch.device | str) -> Self:
        """Move what was seen to a device; the next batch moves it to its own."""
        self.sums = {name: total.to(device) for name, total in self.sums.items()}
        for row in self.kept.values():
            row.to(device)
        return self


def wide(tensor: Tensor) -> torch.dtype:
    """The type to sum in: float64, and float32 where the device has no such (Apple's)."""
    return torch.float32 if tensor.is_mps else torch.float64


def ratio(part: Tensor, whole: Tensor | int) -> Tensor:
    """``part / whole`` in the wide type; 0/0 is 0, as scikit-learn has it."""
    share = part.to(wide(part)) / whole
    return torch.nan_to_num(share, nan=0.0)


def paired(preds: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one shape: (N, 1) goes with (N,), as dimensions of size 1 make no difference.

    Raises:
        ValueError: the shapes differ in more than that.
    """
    if preds.shape == labels.shape:
        return preds, labels
    if [size for size in preds.shape if size != 1] != [size for size in labels.shape if size != 1]:
        raise ValueError(unfit(preds, labels, "the same shape, save for dimensions of size 1, is wanted"))
    return preds, labels.reshape(preds.shape)


def unfit(preds: Tensor, labels: Tensor, wanted: str) -> str:
    """What to say of two tensors that do not go together."""
    return (
        f"preds of shape {tuple(preds.shape)} and labels of shape {tuple(labels.shape)} ({labels.dtype}) "
        f"do not fit: {wanted}"
    )
