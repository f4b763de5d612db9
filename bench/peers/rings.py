"""The rings example that all contestants train: its data, its net, and how an epoch is timed.

Two noisy rings of 4,000 points each, 70 % for training, batches of 16 (350 to train, 150 to validate), Adam at 1e-4.
Every contestant marks the end of each of its epochs, always at the same hook of its own. What counts is the time from
the first mark to the last: whole epochs with all that belongs to them (validation, logging, checkpoints, progress), and
neither the set-up before the first epoch and in it, nor the clean-up after the last.
"""

import hashlib
import json
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

EPOCHS = 5
BATCH = 16


class Net(nn.Module):
    """The tutorial's net: 2 → 16 → 8 → 1, logits."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 16)
        self.fc2 = nn.Linear(16, 8)
        self.fc3 = nn.Linear(8, 1)

    def forward(self, x):
        """(N, 2) points to (N, 1) logits."""
        x = nn.functional.relu(self.fc1(x))
        x = nn.functional.relu(self.fc2(x))
        return self.fc3(x)


def start():
    """One thread; the loaders, the net and its optimizer, the same for all, and the random generator set."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    points, labels = [], []
    for radius, label in ((5.0, 1.0), (8.0, 0.0)):
        r = radius + torch.normal(0.0, 1.0, size=[4000, 1])
        angle = 2 * torch.pi * torch.rand([4000, 1])
        points.append(torch.cat([r * torch.cos(angle), r * torch.sin(angle)], dim=1))
        labels.append(torch.full_like(r, label))
    data = TensorDataset(torch.cat(points), torch.cat(labels))
    size = int(len(data) * 0.7)
    train, val = random_split(data, [size, len(data) - size])
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    torch.manual_seed(2)
    return (
        DataLoader(train, batch_size=BATCH, shuffle=True),
        DataLoader(val, batch_size=BATCH),
        net,
        optimizer,
    )


class Epochs:
    """The marks at the ends of the epochs of a training."""

    def __init__(self, net, optimizer):
        self.net, self.optimizer = net, optimizer
        self.wall, self.cpu, self.weights = [], [], hashlib.sha256()

    def mark(self):
        """An epoch ended."""
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())
        if len(self.wall) == EPOCHS:  # here, because some put the best weights back after the last epoch
            for name, value in self.net.state_dict().items():
                self.weights.update(name.encode() + value.cpu().numpy().tobytes())

    def report(self, val_loss):
        """Print what was measured and, for the comparison, what was trained, as one line of JSON."""
        if len(self.wall) != EPOCHS:
            raise SystemExit(f"{len(self.wall)} epochs were marked, not {EPOCHS}")
        line = {
            "seconds": (self.wall[-1] - self.wall[0]) / (EPOCHS - 1),
            "cpu": (self.cpu[-1] - self.cpu[0]) / (EPOCHS - 1),
            "updates": int(self.optimizer.state[self.net.fc1.weight]["step"]),
            "val_loss": float(val_loss),
            "weights": self.weights.hexdigest(),
        }
        print("\n" + json.dumps(line), flush=True)
