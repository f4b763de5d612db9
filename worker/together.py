"""A run of several processes: torchrun's agent in the run process, and the recipe in each of its ranks."""

import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from danlu import running
from danlu.recipe import Recipe, RunContext
from worker.confession import DeviceMissingError, Stop, classify, print_traceback, write_outcome
from worker.spec import OUTCOME_FILE, LaunchSpec
from worker.torchsetup import prepare_torch


class RankFailed(RuntimeError):
    """A rank has died; `told` is whether it wrote down why."""

    def __init__(self, text: str, *, told: bool) -> None:
        super().__init__(text)
        self.told = told


def train(
    spec: LaunchSpec,
    recipe: Recipe,
    params: Any,
    report: Callable[[Mapping[str, int | str | None]], None],
    stop: Stop,
) -> None:
    """Run a recipe in `spec.processes` forks of this process, and wait for all of them.

    Raises:
        RankFailed: one has died; the others are ended.
    """
    from danlu import ranks

    def work() -> None:
        _rank(spec, recipe, params, report)

    report({"phase": "training"})
    try:
        ranks.launch(spec.processes, work, spec.threads)
    except ranks.RankFailed as failed:
        told = (spec.run_dir / OUTCOME_FILE).exists()
        raise RankFailed(str(failed).partition("\n")[0] if told else str(failed), told=told) from None
    stop.look()  # the ranks have heard it


def _rank(
    spec: LaunchSpec,
    recipe: Recipe,
    params: Any,
    report: Callable[[Mapping[str, int | str | None]], None],
) -> None:
    """One rank; rank 0 alone has the run's board, the others one that is thrown away."""
    from danlu import ranks

    stop = Stop()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.ask())
    with tempfile.TemporaryDirectory(prefix="danlu-rank-") as aside:
        mine = ranks.number()
        context = RunContext(
            id=spec.run_id,
            dir=spec.run_dir,
            device=spec.device,
            seed=spec.seed,
            attempt=spec.attempt,
            stop=stop.look,
        )
        if mine == 0:
            context.report = report
        else:
            from danlu.board import Board

            context.__dict__["board"] = Board(Path(aside))
        try:
            prepare_torch(spec)
            ranks.join()
            running.enter(context)
            recipe.func(params, context)
            if stop.asked:  # the agent waits for the end of the process, not for a result
                sys.exit(128 + signal.SIGTERM)
        except Exception as error:
            if not ranks.is_echo(error):
                _confess(spec, mine, error, stop)
            raise
        finally:
            context.close()


def _confess(spec: LaunchSpec, rank: int, error: Exception, stop: Stop) -> None:
    """Print and write down what this rank died of, unless another was faster."""
    print(f"danlu: rank {rank} of {spec.processes} failed:", file=sys.stderr)  # noqa: T201 - the run's own log
    if not isinstance(error, DeviceMissingError):
        print_traceback(error, __file__)
    if not (spec.run_dir / OUTCOME_FILE).exists():
        reason, detail = classify(error, spec.run_dir)
        write_outcome(spec, reason, f"rank {rank}: {detail}", stop)
