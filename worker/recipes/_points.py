"""Points in the plane, on two rings."""

import math

import torch
from torch import Tensor

_RADII = (5.0, 8.0)
_TRAIN_SHARE = 0.7

Labelled = tuple[Tensor, Tensor]


def two_rings(samples: int, noise: float, seed: int) -> tuple[Labelled, Labelled]:
    """Half of the points on the ring of radius 5 (label 1), half on that of radius 8 (label 0), split at random.

    Returns:
        (points, labels) to train on, 70 %, and to validate with, 30 %.
    """
    generator = torch.Generator().manual_seed(seed)
    inner = samples // 2
    points, labels = [], []
    for radius, count, label in ((_RADII[0], inner, 1.0), (_RADII[1], samples - inner, 0.0)):
        distance = radius + noise * torch.randn(count, 1, generator=generator)
        angle = 2 * math.pi * torch.rand(count, 1, generator=generator)
        points.append(torch.cat([distance * angle.cos(), distance * angle.sin()], dim=1))
        labels.append(torch.full((count, 1), label))
    order = torch.randperm(samples, generator=generator)
    x, y = torch.cat(points)[order], torch.cat(labels)[order]
    cut = int(samples * _TRAIN_SHARE)
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
