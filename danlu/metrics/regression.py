"""Metrics of regression: MAE, MSE, RMSE, R2; and Mean, of any values."""

import math
from typing import ClassVar, Self

import torch
from torch import Tensor

from danlu.metrics.base import Metric, paired, wide


class _Errors(Metric):
    """The mean of a function of the differences."""

    higher_is_better = False
    sum_names: ClassVar = ("error",)

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch: both of one shape, up to dimensions of size 1; each element counts.

        Raises:
            ValueError: the shapes differ in more than that.
        """
        if preds.shape != labels.shape:
            preds, labels = paired(preds, labels)
        # Widened before the difference: that of two bfloat16 numbers would be off by up to a percent.
        difference = preds.detach().to(wide(preds)) - labels.detach()
        self.count += difference.numel()
        self.add("error", self._sum(difference))

    def value(self) -> Tensor:
        """The mean over all elements."""
        return self.sums["error"] / self.count

    def _sum(self, difference: Tensor) -> Tensor:
        raise NotImplementedError


class MAE(_Errors):
    """The mean absolute error over all elements; ``count`` is their number."""

    def _sum(self, difference: Tensor) -> Tensor:
        return difference.abs().sum()


class MSE(_Errors):
    """The mean squared error over all elements; ``count`` is their number."""

    def _sum(self, difference: Tensor) -> Tensor:
        return difference.square().sum()


class RMSE(MSE):
    """The root of the mean squared error over all elements; ``count`` is their number."""

    def value(self) -> Tensor:
        """The root of the mean."""
        return super().value().sqrt()


class R2(Metric):
    """The coefficient of determination: 1 for perfect predictions, 0 for those no better than the labels' mean.

    All elements are one series, whatever the shape; ``count`` is their number. NaN when the labels do not vary.
    The labels' spread is summed around their running mean, so that a great mean does not swallow a small spread.
    """

    sum_names: ClassVar = ("error", "spread", "mean")

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch: both of one shape, up to dimensions of size 1.

        Raises:
            ValueError: the shapes differ in more than that.
        """
        preds, labels = paired(preds.detach(), labels.detach())
        if not labels.numel():
            return
        labels = labels.to(wide(labels))
        mean = labels.mean()
        self._take(labels.numel(), (labels - preds).square().sum(), (labels - mean).square().sum(), mean)

    def absorb(self, other: Self) -> None:
        """Take in what another one has seen: means do not just add up."""
        if other.count:
            self._take(other.count, other.sums["error"], other.sums["spread"], other.sums["mean"])

    def _take(self, count: int, error: Tensor, spread: Tensor, mean: Tensor) -> None:
        """Join a part to what was seen, by the formula of Chan, Golub and LeVeque for the spread of two parts."""
        total = self.count + count
        if self.count:
            off = mean - self.sums["mean"].to(mean.device)
            spread = spread + off.square() * (self.count * count / total)
            mean = off * (count / total)
        self.add("error", error)
        self.add("spread", spread)
        self.add("mean", mean)
        self.count = total

    def value(self) -> Tensor:
        """One minus the squared errors by the labels' spread."""
        spread = self.sums["spread"]
        return (1 - self.sums["error"] / spread).where(spread > 0, math.nan)


class Mean(Metric):
    """The weighted mean of values, such as losses: the sum of ``values * weights`` by the sum of ``weights``.

    ``count`` is the number of values.

    Args:
        higher_is_better: whether a greater mean is a better one; default: no, as with a loss.
    """

    sum_names: ClassVar = ("total", "weight")

    def __init__(self, *, higher_is_better: bool = False) -> None:
        super().__init__()
        self.higher_is_better = higher_is_better

    def update(self, preds: Tensor | float, labels: Tensor | float | None = None) -> None:
        """Take in values of any shape.

        Args:
            preds: the values.
            labels: their weights: one for all, or of a shape that broadcasts to the values'; default 1 each.

        Raises:
            ValueError: the weights' shape does not broadcast to the values'.
        """
        values = torch.as_tensor(preds).detach()
        values = values.to(wide(values))
        weights = torch.as_tensor(1.0 if labels is None else labels, device=values.device).detach()
        try:
            weights = weights.to(values.dtype).expand_as(values)
        except RuntimeError:
            shapes = f"values of shape {tuple(values.shape)} and weights of shape {tuple(weights.shape)}"
            raise ValueError(f"{shapes} do not fit: the weights' must broadcast to the values'") from None
        self.count += values.numel()
        self.add("total", (values * weights).sum())
        self.add("weight", weights.sum())

    def value(self) -> Tensor:
        """The weighted mean; NaN when the weights add up to 0."""
        return (self.sums["total"] / self.sums["weight"]).where(self.sums["weight"] != 0, math.nan)
