"""The first lesson: gradient descent on a parabola, one number at a time."""

from pydantic import Field

from danlu.recipe import NonFiniteLoss, Params, RunContext, recipe

_SAVE_EVERY = 1000


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
    import math

    import torch

    from worker.recipes import _checkpoint

    saved = _checkpoint.load(run.checkpoints / "last.pt", "cpu") or {"x": params.start, "step": 0}
    # One number: the CPU is faster than any GPU, and 64 bits make the curve smooth down to the end.
    x = torch.tensor(saved["x"], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=params.lr)
    run.phase("training")
    for step in range(saved["step"], params.steps):
        stopping = run.should_stop()
        if stopping or (step > saved["step"] and step % _SAVE_EVERY == 0):
            run.board.flush()
            _checkpoint.save(run.checkpoints / "last.pt", {"x": x.item(), "step": step})
        if stopping:
            print(f"asked to stop: saved at step {step}", flush=True)
            return
        optimizer.zero_grad()
        y = params.a * x**2 + params.b * x + params.c
        if not math.isfinite(y.item()):
            raise NonFiniteLoss(step, y.item())
        run.board.scalar("x", x.item(), step)
        run.board.scalar("y", y.item(), step)
        y.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        run.progress(step + 1, params.steps)
    y_end = (params.a * x**2 + params.b * x + params.c).item()
    print(
        f"x = {x.item():.6f}, y = {y_end:.6f}; the minimum is at {-params.b / (2 * params.a):.6f}", flush=True
    )
