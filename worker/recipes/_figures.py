"""Drawings of a classifier's predictions, without pyplot: nothing global, no display, nothing to close."""

import math

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor


def predictions(images: Tensor, labels: Tensor, guesses: Tensor, classes: list[str]) -> Figure:
    """Each image (N, C, H, W) under what the model takes it for; red and with the truth where it is wrong."""
    columns = 3
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(6, 2 * rows + 0.4), layout="constrained")
    for index, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        pixels = image.permute(1, 2, 0).cpu().numpy()
        axes.imshow(pixels, cmap="gray" if pixels.shape[2] == 1 else None, vmin=0, vmax=1)
        truth, guess = classes[int(labels[index])], classes[int(guesses[index])]
        right = truth == guess
        title = f"{guess}" if right else f"{guess} (is {truth})"
        axes.set_title(title, color="black" if right else "tab:red", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def confusion(labels: Tensor, guesses: Tensor, classes: list[str]) -> Figure:
    """How often each class (rows) was taken for each class (columns), coloured by the row's share."""
    size = len(classes)
    counts = np.zeros((size, size), int)
    np.add.at(counts, (labels.cpu().numpy(), guesses.cpu().numpy()), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(3.0 + 0.4 * size, 16.0)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(size), classes, rotation=45, ha="right")
    axes.set_yticks(range(size), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if size <= 20:
        for row, column in np.ndindex(size, size):
            color = "white" if shares[row, column] > 0.5 else "black"
            if counts[row, column]:
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color)
    return figure
