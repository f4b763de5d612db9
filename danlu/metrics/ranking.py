"""Metrics of a binary classifier's ranking, exact: AUC and KS. They keep every score."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from danlu.metrics.base import Metric, paired, wide


class _Ranking(Metric):
    """Keeps scores and labels: 5 bytes an element on the device (9 where the predictions are float64)."""

    kept_names: ClassVar = ("scores", "labels")

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch: scores (logits or probabilities; only their order counts) and labels of one shape.

        The shapes may differ in dimensions of size 1; a label above 0.5 is positive.

        Raises:
            ValueError: the shapes differ in more than that.
        """
        if preds.shape != labels.shape:
            preds, labels = paired(preds, labels)
        scores = preds.detach().flatten()
        if scores.dtype != torch.float64:
            scores = scores.float()
        self.count += scores.numel()
        self.keep("scores", scores)
        self.keep("labels", (labels > 0.5).flatten())

    def value(self) -> Tensor:
        """The value; NaN when one of the two classes is missing, or a score is NaN."""
        scores, labels = self.row("scores"), self.row("labels")
        positive, negative = scores[labels].sort().values, scores[~labels].sort().values
        if not len(positive) or not len(negative) or bool(scores.isnan().any()):
            return torch.tensor(math.nan, device=scores.device)
        return self._of(positive, negative)

    def _of(self, positive: Tensor, negative: Tensor) -> Tensor:
        """The value of the sorted scores of both classes."""
        raise NotImplementedError


class AUC(_Ranking):
    """The area under the ROC curve: how likely a positive scores above a negative, ties counting one half.

    Exact; ``count`` is the number of elements. NaN when one of the two classes is missing.
    """

    def _of(self, positive: Tensor, negative: Tensor) -> Tensor:
        below = torch.searchsorted(negative, positive, right=False)
        not_above = torch.searchsorted(negative, positive, right=True)
        pairs = 2 * len(positive) * len(negative)
        return (below + not_above).sum().to(wide(positive)) / pairs


class KS(_Ranking):
    """The Kolmogorov-Smirnov distance of the positives' scores from the negatives': the greatest |TPR - FPR|.

    Exact; ``count`` is the number of elements. NaN when one of the two classes is missing.
    """

    def _of(self, positive: Tensor, negative: Tensor) -> Tensor:
        scores = torch.cat([positive, negative])
        kind = wide(scores)
        missed = torch.searchsorted(positive, scores, right=True).to(kind) / len(positive)
        refused = torch.searchsorted(negative, scores, right=True).to(kind) / len(negative)
        return (missed - refused).abs().max()
