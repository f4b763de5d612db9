"""三，可视化参数分布: how the values of a tensor are spread."""

import torch

from danlu import Board

# A normal distribution stands for the weights of a layer; its mean moves.
with Board("./data/tensorboard") as board:
    for step, mean in enumerate(range(-10, 10)):
        board.histogram("w", torch.randn(100, 20) + mean, step)
