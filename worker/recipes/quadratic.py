"""The first lesson: gradient descent on a parabola, one number at a time."""

from pydantic import Field

from danlu.recipe import Params, RunContext, recipe


class QuadraticParams(Params):
    """The parabola a·x² + b·x + c, and how to walk down on it."""

    a: float = Field(
        1.0, gt=0, le=1000, description="Coefficient of x²; above zero, so that there is a minimum."
    )
    b: float = Field(-2.0, ge=-1000, le=1000, description="Coefficient of x.")
    c: float = Field(1.0, ge=-1000, le=1000, description="Constant term.")
    start: float = Field(0.0, ge=-1000, le=1000, description="Where x starts.")
    lr: float = Field(0.01, gt=0, le=10, description="Learning rate of SGD; above 1/a it diverges.")
    steps: int = Field(500, ge=1, le=1_000_000, description="How many steps to take.")


@recipe(params=QuadraticParams, summary="Find the minimum of ax² + bx + c by gradient descent.")
def quadratic(params: QuadraticParams, run: RunContext) -> None:
    """Log x and y at every step, before the step is taken."""
    import torch

    from danlu import Trainer
    from worker.recipes import _nets

    net = _nets.Parabola(params.a, params.b, params.c, params.start)

    def step(trainer: Trainer, _number: int) -> torch.Tensor:
        y: torch.Tensor = net()
        run.board.scalar("x", net.x.item(), trainer.progress.step)
        run.board.scalar("y", y.item(), trainer.progress.step)
        return y

    trainer = Trainer(net, optimizer=torch.optim.SGD(net.parameters(), lr=params.lr), step=step, run=run)
    # One number: the CPU is faster than any GPU.
    trainer.fit(range(params.steps), epochs=1, cpu=True, quiet=True)
    if trainer.progress.done:
        print(
            f"x = {net.x.item():.6f}, y = {net().item():.6f}; the minimum is at {-params.b / (2 * params.a):.6f}"
        )
