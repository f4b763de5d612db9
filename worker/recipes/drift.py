"""The lesson on distributions: a normal distribution whose mean moves, as histograms over the steps."""

from pydantic import Field

from danlu.recipe import Params, RunContext, recipe


class DriftParams(Params):
    """Where the mean starts, how far it moves, and how many values show it."""

    start: float = Field(-10.0, ge=-1000, le=1000, description="Mean at the first step.")
    change: float = Field(1.0, ge=-100, le=100, description="How far the mean moves in one step.")
    std: float = Field(1.0, gt=0, le=100, description="Standard deviation.")
    steps: int = Field(20, ge=1, le=10_000, description="How many steps to take.")
    values: int = Field(2000, ge=1, le=1_000_000, description="How many values are drawn at each step.")
    bins: int = Field(64, ge=2, le=1000, description="Bins of each histogram.")


@recipe(params=DriftParams, summary="Watch a normal distribution drift, as histograms.")
def drift(params: DriftParams, run: RunContext) -> None:
    """Draw and log; a step depends on the seed and its number alone."""
    import torch

    from danlu import Trainer

    def update(trainer: Trainer, step: int) -> None:
        generator = torch.Generator().manual_seed((run.seed << 20) + step)
        mean = params.start + params.change * step
        values = torch.randn(params.values, generator=generator) * params.std + mean
        run.board.histogram("w", values, step, bins=params.bins)
        run.board.scalar("mean", values.mean(), step)
        run.board.scalar("std", values.std(correction=0), step)
        trainer.say(f"step {step:4d}  mean {values.mean().item():8.3f}")

    # There is nothing to learn: a network without parameters, and an update that only draws.
    Trainer(torch.nn.Identity(), update=update, run=run).fit(
        range(params.steps), epochs=1, cpu=True, log_every=1
    )
