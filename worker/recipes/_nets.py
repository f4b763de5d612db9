"""The networks of the built-in recipes."""

import torch
from torch import Tensor, nn


class Parabola(nn.Module):
    """a·x² + b·x + c with x to be learned; 64 bits make its curve smooth down to the end."""

    def __init__(self, a: float, b: float, c: float, start: float) -> None:
        super().__init__()
        self.a, self.b, self.c = a, b, c
        self.x = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def forward(self) -> Tensor:
        """Its value at x, 0-dim."""
        return self.a * self.x**2 + self.b * self.x + self.c


class RingsNet(nn.Module):
    """Two hidden layers from a point in the plane to one logit."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.fc2 = nn.Linear(hidden, hidden // 2)
        self.fc3 = nn.Linear(hidden // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape (N, 1)."""
        x = nn.functional.relu(self.fc1(x))
        x = nn.functional.relu(self.fc2(x))
        out: Tensor = self.fc3(x)
        return out


class ImageNet(nn.Module):
    """Two convolutions and two linear layers; takes images of any size from 4 pixels on."""

    def __init__(self, channels: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout2d(dropout)
        self.adaptive_pool = nn.AdaptiveMaxPool2d((2, 2))
        self.linear1 = nn.Linear(8 * width, 2 * width)
        self.linear2 = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of shape (N, classes)."""
        x = self.pool(nn.functional.relu(self.conv1(x)))
        x = self.pool(nn.functional.relu(self.conv2(x)))
        x = self.adaptive_pool(self.dropout(x)).flatten(1)
        out: Tensor = self.linear2(nn.functional.relu(self.linear1(x)))
        return out
