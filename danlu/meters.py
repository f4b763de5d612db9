"""Averages over an epoch: adding to them never waits for the device."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from danlu.metrics import Metric
    from danlu.ranks import Ranks


class Meter:
    """Sample-weighted means of losses, and stateful metrics, of one pass over the data.

    Args:
        metrics: by name; they are reset whenever the meter is.
        device: where what is added lives.
    """

    def __init__(self, metrics: Mapping[str, "Metric"], device: torch.device) -> None:
        self.metrics = metrics
        self._device = device
        # Apple's GPUs have no 64-bit floats.
        self._dtype = torch.float32 if device.type == "mps" else torch.float64
        self._sums: dict[str, Tensor | float] = {}
        self._counts: dict[str, int] = {}
        self._mark: tuple[Tensor | float, int] = (0.0, 0)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._sums.clear()
        self._counts.clear()
        self._mark = (0.0, 0)
        for metric in self.metrics.values():
            metric.reset()

    def add(self, name: str, mean: Tensor | float, size: int) -> None:
        """Add the mean (0-dim) of `size` samples.

        Raises:
            ValueError: it has a shape.
        """
        value = mean if isinstance(mean, Tensor) else torch.as_tensor(mean)
        if value.ndim:
            raise ValueError(
                f"{name!r} must be a number or a 0-dim tensor, not of shape {tuple(value.shape)}"
            )
        total = self._sums.get(name, 0.0)
        if value.is_cpu:  # reading it takes less time than adding tensors
            self._sums[name] = total + value.item() * size
        else:
            if not isinstance(total, Tensor):
                total = torch.full((), total, dtype=self._dtype, device=self._device)
            self._sums[name] = total.add_(value.detach(), alpha=size)
        self._counts[name] = self._counts.get(name, 0) + size

    def window(self) -> float | None:
        """The mean loss since this was asked last; None when nothing came. Waits for the device."""
        total, count = self._sums.get("loss", 0.0), self._counts.get("loss", 0)
        before, counted = self._mark
        if count == counted:
            return None
        self._mark = (_copy(total), count)
        return float(total - before) / (count - counted)

    def values(self, ranks: "Ranks") -> dict[str, float]:
        """Every mean and metric by name, over all processes. Waits for the device once.

        Raises:
            Exception: whatever a metric raises, with a note that names it.
        """
        names = list(self._sums)
        if any(other != names for other in ranks.gather(names)):
            raise RuntimeError(f"the processes returned different values: {names} in rank {ranks.rank}")
        sums = ranks.add_up(
            [torch.as_tensor(self._sums[name], dtype=self._dtype, device=self._device) for name in names]
        )
        counts = ranks.add_up_numbers([self._counts[name] for name in names])
        found = [total / max(count, 1) for total, count in zip(sums, counts, strict=True)]
        for name, metric in self.metrics.items():
            try:
                states = ranks.gather(metric.state_dict())
                if len(states) > 1:
                    metric.merge(states)
                found.append(
                    torch.as_tensor(metric.compute(), device=self._device).to(self._dtype).reshape(())
                )
            except Exception as error:
                error.add_note(f"raised by the metric {name!r} at the end of a pass")
                raise
        numbers = torch.stack(found).tolist() if found else []
        return dict(zip([*names, *self.metrics], numbers, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Everything, for a checkpoint in the middle of an epoch."""
        return {
            "sums": {name: _copy(total) for name, total in self._sums.items()},
            "counts": dict(self._counts),
            "mark": list(self._mark),
            "metrics": {name: metric.state_dict() for name, metric in self.metrics.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave.

        Raises:
            KeyError: it is of other metrics.
        """
        self._sums = {name: self._placed(total) for name, total in state["sums"].items()}
        self._counts = dict(state["counts"])
        before, counted = state["mark"]
        self._mark = (0.0 if before is None else self._placed(before), counted)
        for name, metric in self.metrics.items():
            metric.load_state_dict(state["metrics"][name])
            metric.to(self._device)

    def _placed(self, total: Tensor | float) -> Tensor | float:
        return total.to(self._device, copy=True) if isinstance(total, Tensor) else total


def _copy(total: Tensor | float) -> Tensor | float:
    return total.clone() if isinstance(total, Tensor) else total


def check_names(names: Sequence[str]) -> None:
    """Names of metrics become columns and tags.

    Raises:
        ValueError: one cannot be used.
    """
    for name in names:
        if not isinstance(name, str) or not name or name in {"loss", "lr", "epoch", "step"} or "/" in name:
            raise ValueError(
                f"a metric cannot be called {name!r}: use a word that is not loss, lr, epoch or step"
            )
