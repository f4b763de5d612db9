"""五，可视化人工绘图: what matplotlib draws."""

from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

from danlu import Board

digits = load_digits()

figure = plt.figure(figsize=(8, 8))
for i in range(9):
    ax = plt.subplot(3, 3, i + 1)
    ax.imshow(digits.images[i], cmap="gray")
    ax.set_title(f"label = {digits.target[i]}")
    ax.set_xticks([])
    ax.set_yticks([])

with Board("./data/tensorboard") as board:
    board.figure("figure", figure)
