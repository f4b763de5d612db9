"""Metrics of classification and segmentation: Accuracy, TopKAccuracy, Precision, Recall, F1, IOU."""

import math
from typing import ClassVar, Literal

from torch import Tensor

from danlu.metrics.base import Metric, paired, ratio, unfit


def cut_of(threshold: float, *, from_logits: bool) -> float:
    """Where a prediction begins to be positive, in the predictions' own numbers.

    Raises:
        ValueError: the threshold is no probability between 0 and 1.
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"a threshold is a probability between 0 and 1, not {threshold}")
    return math.log(threshold / (1.0 - threshold)) if from_logits else threshold


def has_classes(preds: Tensor, labels: Tensor) -> bool:
    """Whether these are (N, C, ...) scores of more than one class with (N, ...) class indices.

    Raises:
        ValueError: they would be, but the labels are no integers.
    """
    shape = preds.shape
    if (
        preds.ndim < 2
        or preds.ndim != labels.ndim + 1
        or shape[1] == 1
        or (shape[0], *shape[2:]) != labels.shape
    ):
        return False
    if labels.is_floating_point():
        raise ValueError(unfit(preds, labels, "class indices are integers (labels.long())"))
    return True


class Accuracy(Metric):
    """The share of right predictions.

    What counts as one prediction follows from the shapes:

    - ``preds`` and ``labels`` of one shape, or of one up to dimensions of size 1, such as (N, 1) and (N,): each
      element is a yes (a label above 0.5) or a no of its own. So (N, C) labels of zeros and ones are multi-label.
    - ``preds`` (N, C, ...) with C > 1 and integer ``labels`` (N, ...): the greatest of the C scores is the class.

    A prediction of NaN is a no. ``count`` is the number of labels.

    Args:
        threshold: the probability from which on a prediction is a yes; unused with class indices.
        from_logits: ``preds`` are logits; else probabilities.

    Raises:
        ValueError: the threshold is not between 0 and 1.
    """

    sum_names: ClassVar = ("correct",)

    def __init__(self, threshold: float = 0.5, *, from_logits: bool = True) -> None:
        super().__init__()
        self.cut = cut_of(threshold, from_logits=from_logits)

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch; see the class for the shapes.

        Raises:
            ValueError: the shapes are none of these, or class indices are no integers.
        """
        if preds.shape != labels.shape:
            if has_classes(preds, labels):
                self._take(preds.argmax(1) == labels)
                return
            preds, labels = paired(preds, labels)
        self._take((preds >= self.cut) == (labels > 0.5))

    def _take(self, hits: Tensor) -> None:
        self.count += hits.numel()
        self.add("correct", hits.count_nonzero())

    def value(self) -> Tensor:
        """Right predictions by all predictions."""
        return ratio(self.sums["correct"], self.count)


class TopKAccuracy(Metric):
    """The share of labels that are among the ``k`` classes of the greatest scores.

    ``preds`` are (N, C, ...) scores, ``labels`` (N, ...) integer classes; ``count`` is the number of labels.

    Raises:
        ValueError: ``k`` is below 1.
    """

    sum_names: ClassVar = ("correct",)

    def __init__(self, k: int = 5) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k is at least 1, not {k}")
        self.k = k

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch.

        Raises:
            ValueError: the shapes are others, the labels are no integers, or there are fewer than ``k`` classes.
        """
        if not has_classes(preds, labels):
            raise ValueError(unfit(preds, labels, "(N, C, ...) scores and (N, ...) classes are wanted"))
        if preds.shape[1] < self.k:
            raise ValueError(f"top {self.k} of {preds.shape[1]} classes (preds of {tuple(preds.shape)})")
        best = preds.detach().topk(self.k, dim=1).indices
        self.count += labels.numel()
        # Classes of one label differ, so at most one of the k is a hit.
        self.add("correct", (best == labels.unsqueeze(1)).count_nonzero())

    def value(self) -> Tensor:
        """Right predictions by all predictions."""
        return ratio(self.sums["correct"], self.count)


class _Counts(Metric):
    """Counts of hits (``tp``), of predicted and of actual positives: of the positive class, or of each class.

    With classes, each count has one place more than there are classes, for what lies outside of them.
    """

    sum_names: ClassVar = ("tp", "predicted", "actual")

    def _binary(self, found: Tensor, wanted: Tensor) -> None:
        """Count two boolean tensors of one shape."""
        self.count += found.numel()
        self.add("tp", (found & wanted).count_nonzero())
        self.add("predicted", found.count_nonzero())
        self.add("actual", wanted.count_nonzero())

    def _classes(self, found: Tensor, wanted: Tensor, classes: int) -> None:
        """Count two tensors of class indices; where the wanted one is no class (255, -100), nothing counts."""
        found, wanted = found.flatten(), wanted.flatten().long()
        known = (wanted >= 0) & (wanted < classes)
        one = known.long()
        nothing = one.new_zeros(classes + 1)
        wanted = wanted.where(known, classes)
        hits = wanted.where(wanted == found, classes)
        self.count += wanted.numel()
        # index_add has a fixed order on every device where determinism is asked for; bincount would wait for it.
        self.add("tp", nothing.index_add(0, hits, one))
        self.add("predicted", nothing.index_add(0, found, one))
        self.add("actual", nothing.index_add(0, wanted, one))

    def _macro(self, scores: Tensor) -> Tensor:
        """The mean of the classes that occur, in the predictions or in the labels; NaN when none does."""
        occurs = (self.sums["predicted"] + self.sums["actual"])[:-1] > 0
        return scores[:-1].where(occurs, 0.0).sum() / occurs.sum()


class _OfPositives(_Counts):
    """Precision, Recall and F1: binary, or the mean over classes."""

    def __init__(
        self,
        threshold: float = 0.5,
        *,
        from_logits: bool = True,
        average: Literal["binary", "macro"] = "binary",
    ) -> None:
        super().__init__()
        if average not in ("binary", "macro"):
            raise ValueError(f'average is "binary" or "macro", not {average!r}')
        self.cut = cut_of(threshold, from_logits=from_logits)
        self.average = average

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch; see the class for the shapes.

        Raises:
            ValueError: the shapes are others, or class indices are no integers.
        """
        if self.average == "binary":
            if preds.shape != labels.shape:
                preds, labels = paired(preds, labels)
            self._binary(preds >= self.cut, labels > 0.5)
            return
        if not has_classes(preds, labels):
            raise ValueError(unfit(preds, labels, "(N, C, ...) scores and (N, ...) classes are wanted"))
        self._classes(preds.argmax(1), labels, preds.shape[1])

    def value(self) -> Tensor:
        """The score of the positive class, or the mean of the scores of the classes that occur."""
        scores = self._scores()
        return scores if self.average == "binary" else self._macro(scores)

    def _scores(self) -> Tensor:
        raise NotImplementedError


class Precision(_OfPositives):
    """The share of the predicted positives that are positive; 0 when nothing is predicted to be.

    With ``average="binary"``, ``preds`` and ``labels`` (positive above 0.5) have one shape, up to dimensions of size
    1, and ``count`` is the number of elements. With ``"macro"``, ``preds`` are (N, C, ...) scores, ``labels`` (N, ...)
    integer classes, and the value is the mean over the classes that occur in either; labels that are no class (255,
    -100) are left out.

    Args:
        threshold: the probability from which on a prediction is positive; binary only.
        from_logits: ``preds`` are logits; else probabilities. Binary only.
        average: "binary" or "macro".

    Raises:
        ValueError: the threshold is not between 0 and 1, or the average is another one.
    """

    def _scores(self) -> Tensor:
        return ratio(self.sums["tp"], self.sums["predicted"])


class Recall(_OfPositives):
    """The share of the positives that are predicted to be; 0 when there are none. Arguments as :class:`Precision`."""

    def _scores(self) -> Tensor:
        return ratio(self.sums["tp"], self.sums["actual"])


class F1(_OfPositives):
    """The harmonic mean of precision and recall; 0 when there is no hit. Arguments as :class:`Precision`."""

    def _scores(self) -> Tensor:
        return ratio(2 * self.sums["tp"], self.sums["predicted"] + self.sums["actual"])


class IOU(_Counts):
    """Intersection over union, as the mean over the classes that occur in the predictions or in the labels.

    With one class, ``preds`` are logits and ``labels`` zeros and ones of one shape, up to dimensions of size 1; the
    mean is that of the foreground and the background. With more, ``preds`` are (N, C, ...) scores and ``labels``
    (N, ...) integer classes. Integer labels that are no class (255, -100) are left out, with what is predicted there.
    ``count`` is the number of pixels, those included.

    Args:
        num_classes: 1 for binary segmentation.

    Raises:
        ValueError: ``num_classes`` is below 1.
    """

    def __init__(self, num_classes: int = 1) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes is at least 1, not {num_classes}")
        self.num_classes = num_classes

    def update(self, preds: Tensor, labels: Tensor) -> None:
        """Take in one batch; see the class for the shapes.

        Raises:
            ValueError: the shapes are others, or class indices are no integers.
        """
        if self.num_classes == 1:
            preds, labels = paired(preds, labels)
            wanted = labels > 0.5 if labels.is_floating_point() else labels
            self._classes((preds >= 0).long(), wanted, 2)
            return
        if not has_classes(preds, labels) or preds.shape[1] != self.num_classes:
            wanted_shapes = f"(N, {self.num_classes}, ...) scores and (N, ...) classes are wanted"
            raise ValueError(unfit(preds, labels, wanted_shapes))
        self._classes(preds.argmax(1), labels, self.num_classes)

    def value(self) -> Tensor:
        """The mean over the classes that occur."""
        tp, union = self.sums["tp"], self.sums["predicted"] + self.sums["actual"] - self.sums["tp"]
        return self._macro(ratio(tp, union))
