"""The training loop: epochs, batches, steps, and nothing of where they are shown or kept.

A loop asks whether it should stop, tells its callbacks what happened, and can begin in the middle of an epoch.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from danlu import rng
from danlu.batches import to_device
from danlu.evaluation import account, evaluate
from danlu.forward import outputs_of
from danlu.meters import Meter
from danlu.outputs import updated
from danlu.precision import FiniteCheck, Precision
from danlu.recipe import NonFiniteLoss
from danlu.source import Batches, Piece

if TYPE_CHECKING:
    from danlu.trainer import Trainer

_AGREE_STEPS = 10
"""Steps between two questions to rank 0 whether to stop, when several processes train."""


@dataclass(frozen=True)
class Plan:
    """How to train; the arguments of `Trainer.fit` with the same names."""

    val_every: int = 1
    log_every: int = 25
    accumulate: int = 1
    clip: float | None = None
    nonfinite: str = "stop"


@dataclass
class Progress:
    """Where a training stands. With the states of network, optimizers and generators it is a checkpoint."""

    epoch: int = 0
    """Epochs done."""
    batch: int = 0
    """Batches done of the present epoch."""
    step: int = 0
    """Optimizer steps done."""
    fit: int = 0
    """Number of the present `fit`, from 1."""
    began: int = 0
    """Epochs done when it began."""
    done: bool = False
    """Whether it has come to its end."""
    skipped: int = 0
    """Steps that were skipped because of their loss."""
    opened: int = 0
    """Batches whose gradients wait for the next step."""
    history: list[dict[str, float]] = field(default_factory=list)

    def numbers(self) -> dict[str, Any]:
        """All but the history."""
        values = asdict(self)
        del values["history"]
        return values


class Loop:
    """One `fit`, on prepared data.

    Attributes:
        meter: the averages of the present epoch.
        drawn: the random generators' states at the start of the present epoch; with those of now they make a batch's
            place in the data repeatable.
        example: the batch that was trained on last.
    """

    def __init__(
        self, trainer: "Trainer", plan: Plan, precision: Precision, train: Batches, val: Batches | None
    ) -> None:
        self._trainer, self._plan, self._precision = trainer, plan, precision
        self._train, self._val = train, val
        self.meter = Meter(trainer.metrics, trainer.device)
        self.drawn: dict[str, Any] = {}
        self.example: Any = None
        self._now: dict[str, Any] | None = None
        self._check = FiniteCheck(trainer.device)
        self._generators = [*train.generators, *(val.generators if val else ())]

    def run(self, goal: int) -> bool:
        """Train until so many epochs are done or a callback has had enough; False when asked to stop before."""
        trainer = self._trainer
        self.rewind()  # only now, because whoever was told of the beginning may have drawn
        while trainer.progress.epoch < goal and not trainer.stopping:
            if not (self._train_epoch() and self._end_epoch()):
                return False
        return True

    def generators(self) -> dict[str, Any]:
        """The random generators' states for a checkpoint: at the start of the epoch, and now (None between two epochs)."""
        now = self._now or rng.capture(self._generators)
        return {"start": self.drawn, "now": now} if self.drawn else {"start": now, "now": None}

    def resume(self, meter: Mapping[str, Any] | None, generators: dict[str, Any]) -> None:
        """Go on from a checkpoint in the next `run`."""
        if meter is not None:
            self.meter.load_state_dict(meter)
        self.drawn, self._now = generators["start"], generators["now"]

    def rewind(self) -> None:
        """Put the random generators where the checkpoint's epoch began."""
        if self.drawn:
            rng.restore(self.drawn, self._generators)
        self.drawn = self.drawn if self._now else {}

    def _train_epoch(self) -> bool:
        trainer, progress = self._trainer, self._trainer.progress
        if progress.batch == 0 and self._asked_to_stop():  # before anything is drawn for this epoch
            return False
        trainer.net.train()
        self._train.set_epoch(progress.epoch)
        if progress.batch == 0:
            self._now = None
            self.meter.reset()
            self.drawn = rng.capture(self._generators)
            trainer.tell("on_epoch_start")
        pieces = self._train.start(progress.batch)
        if self._now is not None:
            rng.restore(self._now)
            self._now = None
        while True:
            if progress.batch and self._asked_to_stop():
                return False
            piece = self._next(pieces)
            if piece is None:
                break
            self._take(piece)
        if progress.opened:
            self._close()
            self._stepped()
        if progress.batch == 0:
            raise ValueError("train_data is empty: it gave no batch")
        return True

    def _next(self, pieces: Iterator[Piece]) -> Piece | None:
        try:
            return next(pieces, None)
        except Exception as error:
            progress = self._trainer.progress
            error.add_note(f"raised by train_data at batch {progress.batch} of epoch {progress.epoch + 1}")
            raise

    def _asked_to_stop(self) -> bool:
        trainer = self._trainer
        if trainer.progress.opened:  # a checkpoint holds no gradients: the step comes first
            return False
        if trainer.ranks.world == 1:
            return trainer.asked_to_stop()
        if trainer.progress.batch % _AGREE_STEPS:
            return False
        return bool(trainer.ranks.agree(trainer.asked_to_stop()))

    def _end_epoch(self) -> bool:
        """Validate, keep the epoch's numbers, tell the callbacks; False when asked to stop before it was validated."""
        trainer, progress = self._trainer, self._trainer.progress
        values = {f"train_{name}": value for name, value in self.meter.values(trainer.ranks).items()}
        if trainer.update is None:  # it has no loss where every step was skipped
            values = {"train_loss": math.nan, **values}
        logs: dict[str, float] = {**values, **({"lr": trainer.lr} if trainer.optimizers else {})}
        if self._val is not None and ((progress.epoch + 1) % self._plan.val_every == 0):
            # Until the epoch is over, a checkpoint stands before its validation.
            self._now = rng.capture(self._generators)
            found = evaluate(trainer, self._val, self._precision, trainer.asked_to_stop)
            if found is None:
                return False
            self._now = None
            logs |= {f"val_{name}": value for name, value in found.items()}
        trainer.schedule("epoch")
        trainer.schedule("metric", logs)
        progress.epoch, progress.batch, self.drawn = progress.epoch + 1, 0, {}
        progress.history.append({"epoch": progress.epoch, **logs})
        self.meter.reset()
        self._report()
        trainer.tell("on_epoch_end", logs)
        trainer.stopping = trainer.ranks.agree(trainer.stopping)
        return True

    # -- a batch

    def _take(self, piece: Piece) -> None:
        trainer, progress = self._trainer, self._trainer.progress
        batch = self.example = to_device(piece.batch, trainer.device)
        before = progress.step
        if trainer.update is not None:
            trainer.drop_gradients()  # what one optimizer's loss left in the parameters of another
            outputs = updated(trainer.update(trainer, batch))
            progress.step += 1
        else:
            outputs = self._learn(batch, piece)
        if outputs:
            account(self.meter, outputs, piece.size)
        progress.batch += 1
        if progress.step != before:
            self._stepped()

    def _stepped(self) -> None:
        """An optimizer step was taken and everything of it is accounted for."""
        trainer, progress = self._trainer, self._trainer.progress
        trainer.schedule("step")
        if progress.step == 1 or (self._plan.log_every and progress.step % self._plan.log_every == 0):
            self._log()
        trainer.tell("on_step_end")

    def _learn(self, batch: Any, piece: Piece) -> dict[str, Any]:
        """Forward, backward and, where its time has come, the optimizer's step."""
        trainer, progress, precision = self._trainer, self._trainer.progress, self._precision
        if progress.opened == 0:
            trainer.drop_gradients()
        window = self._window(progress)
        last = progress.opened + 1 >= window
        share = piece.size * trainer.ranks.world / piece.total / window
        with trainer.ranks.unsynced(trainer.model, last=last):
            with precision.autocast():
                outputs = outputs_of(trainer, batch)
            loss = outputs["loss"]
            self._check.watch(loss)
            precision.backward(loss if share == 1 else loss * share)
        value = self._check.value()
        doubtful = not math.isfinite(value) or self._plan.nonfinite == "skip"
        if doubtful and not self._finite_everywhere(value):
            return {}
        progress.opened += 1
        if last:
            self._update()
        return outputs

    def _window(self, progress: Progress) -> int:
        """Batches whose gradients make the present step: fewer where the epoch ends."""
        whole = self._plan.accumulate
        if whole == 1 or self._train.length is None:
            return whole
        first = progress.batch - progress.opened
        return max(1, min(whole, self._train.length - first))

    def _finite_everywhere(self, value: float) -> bool:
        """Whether the step may be taken; where not, its gradients are dropped.

        Raises:
            NonFiniteLoss: it may not, and the training stops at such a step.
        """
        trainer, progress = self._trainer, self._trainer.progress
        if self._plan.nonfinite == "stop":
            if not math.isfinite(value):
                trainer.drop_gradients()
                raise NonFiniteLoss(progress.step, value)
            return True
        if all(math.isfinite(item) for item in trainer.ranks.gather(value)):
            return True
        trainer.drop_gradients()
        trainer.say(f"step {progress.step} skipped: its loss is {value}")
        progress.skipped += 1
        progress.opened = 0
        return False

    def _close(self) -> None:
        """The data ended, of unknown length, before a step had all its batches: its gradients are those of fewer."""
        trainer, progress = self._trainer, self._trainer.progress
        parameters = list(trainer.net.parameters())
        trainer.ranks.average(parameters)
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad *= self._plan.accumulate / progress.opened
        self._update()

    def _update(self) -> None:
        progress = self._trainer.progress
        for optimizer in self._trainer.optimizers.values():
            self._precision.step(optimizer, self._plan.clip)
        self._precision.update()
        progress.step += 1
        progress.opened = 0

    def _report(self) -> None:
        """Tell the run how far it is."""
        trainer, progress = self._trainer, self._trainer.progress
        if trainer.run is None or not trainer.ranks.first:
            return
        per_epoch = None if self._train.length is None else -(-self._train.length // self._plan.accumulate)
        total = None if per_epoch is None else per_epoch * trainer.goal
        trainer.run.progress(progress.step, total, progress.epoch, trainer.goal)

    def _log(self) -> None:
        """The news of the last steps; here, and not in every step, the device is waited for."""
        trainer, progress = self._trainer, self._trainer.progress
        self._report()
        if not self._plan.log_every or progress.step % self._plan.log_every:
            return  # the very first step: it is only known that the training has begun
        mean = self.meter.window()
        trainer.tell("on_log", {"loss": mean, "lr": trainer.lr} if mean is not None else {"lr": trainer.lr})
