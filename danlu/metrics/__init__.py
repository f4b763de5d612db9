"""Metrics that add up over an epoch on the device they are fed from, without waiting for it.

>>> metric = Accuracy()
>>> metric.update(torch.tensor([[2.0], [-1.0]]), torch.tensor([[1.0], [1.0]]))
>>> metric.compute()
tensor(0.5000, dtype=torch.float64)

``preds`` are a network's raw outputs (logits) unless a metric says otherwise. The names that torchkeras has mean what
they mean there. :func:`as_metric` takes what others wrote: torchmetrics' objects, plain functions.
"""

from danlu.metrics.adapters import as_metric
from danlu.metrics.base import Metric
from danlu.metrics.classification import F1, IOU, Accuracy, Precision, Recall, TopKAccuracy
from danlu.metrics.ranking import AUC, KS
from danlu.metrics.regression import MAE, MSE, R2, RMSE, Mean

__all__ = [
    "AUC",
    "F1",
    "IOU",
    "KS",
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "Accuracy",
    "Mean",
    "Metric",
    "Precision",
    "Recall",
    "TopKAccuracy",
    "as_metric",
]
