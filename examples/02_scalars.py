"""二，可视化指标变化: numbers that change from step to step."""

import torch

from danlu import Board

# Where is f(x) = a*x**2 + b*x + c smallest?
x = torch.tensor(0.0, requires_grad=True)
a = torch.tensor(1.0)
b = torch.tensor(-2.0)
c = torch.tensor(1.0)

optimizer = torch.optim.SGD(params=[x], lr=0.01)


def f(x):
    return a * torch.pow(x, 2) + b * x + c


with Board("./data/tensorboard") as board:
    for i in range(500):
        optimizer.zero_grad()
        y = f(x)
        y.backward()
        optimizer.step()
        board.scalars({"x": x, "y": y}, i)

print("y =", f(x).item(), "; x =", x.item())
