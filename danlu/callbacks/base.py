"""What a callback is, and how callbacks are told."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from danlu.trainer import Trainer

HOOKS = (
    "on_fit_start", "on_epoch_start", "on_step_end", "on_log", "on_epoch_end", "on_exception", "on_fit_end",
)  # fmt: skip


class Callback:
    """Base of all callbacks: every hook does nothing. Any object that has one of the hooks is a callback as well.

    When several processes train, the hooks are called in rank 0 alone unless `every_rank` is true.

    `trainer` has `net`, `optimizer`, `device`, `board` (None: nobody records), `progress` (`epoch`, `step` and `batch`
    done), `history`, `monitor`, `mode`, and `stop(why)`, which ends the training after the present epoch.
    """

    every_rank = False

    def on_fit_start(self, trainer: "Trainer") -> None:
        """The training begins, or goes on from a checkpoint."""

    def on_epoch_start(self, trainer: "Trainer") -> None:
        """An epoch begins; `trainer.progress.epoch` are done."""

    def on_step_end(self, trainer: "Trainer") -> None:
        """An optimizer step was taken; `trainer.progress.step` are done. Costs something in every step."""

    def on_log(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Every `log_every` steps: the mean `loss` since the last time, and `lr`."""

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """An epoch is over and validated: `train_loss`, `lr`, `val_loss`, and each metric as `train_…` and `val_…`."""

    def on_exception(self, trainer: "Trainer", error: BaseException) -> None:
        """The training ends by an error or Ctrl-C; `on_fit_end` follows."""

    def on_fit_end(self, trainer: "Trainer") -> None:
        """The training is over, however it ended; the network still holds its last weights."""

    def state_dict(self) -> dict[str, Any]:
        """What belongs into a checkpoint: tensors, numbers, strings, lists and dicts."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave, from a checkpoint."""


class Callbacks:
    """Several callbacks, told in order. A hook that nobody has costs nothing."""

    def __init__(self, callbacks: Iterable[Any], *, first: bool) -> None:
        self.all = list(callbacks)
        for callback in self.all:
            check(callback)
        heard = [item for item in self.all if first or getattr(item, "every_rank", False)]
        self._hooks = {hook: [getattr(item, hook) for item in heard if _has(item, hook)] for hook in HOOKS}

    def tell(self, hook: str, *args: Any) -> None:
        """Call a hook of every callback that has it."""
        for call in self._hooks[hook]:
            call(*args)

    def tell_all(self, hook: str, *args: Any) -> list[BaseException]:
        """Call a hook of every callback, also when one raises, in reverse: who opened something first closes it last.

        Returns:
            what was raised.
        """
        errors: list[BaseException] = []
        for call in reversed(self._hooks[hook]):
            try:
                call(*args)
            except Exception as error:  # noqa: BLE001 - the others still have something to close
                errors.append(error)
        return errors

    def state_dict(self) -> dict[str, Any]:
        """The state of each by its key."""
        return {key: item.state_dict() for key, item in self._keyed() if hasattr(item, "state_dict")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Hand each what it had saved; what is new begins anew."""
        for key, item in self._keyed():
            if key in state and hasattr(item, "load_state_dict"):
                item.load_state_dict(state[key])

    def _keyed(self) -> list[tuple[str, Any]]:
        """Each under its class's name, numbered where there are several."""
        seen: dict[str, int] = {}
        keyed = []
        for item in self.all:
            name = type(item).__name__
            seen[name] = seen.get(name, 0) + 1
            keyed.append((f"{name}.{seen[name]}", item))
        return keyed


def check(callback: object) -> None:
    """Whether something is a callback.

    Raises:
        TypeError: it is a class, or has none of the hooks.
    """
    if isinstance(callback, type):
        raise TypeError(f"callbacks: {callback.__name__} is a class; give an instance: {callback.__name__}()")
    if not any(callable(getattr(callback, hook, None)) for hook in HOOKS):
        raise TypeError(f"callbacks: {callback!r} is no callback: it has none of {', '.join(HOOKS)}")


def _has(item: object, hook: str) -> bool:
    return hasattr(item, hook) and getattr(type(item), hook, None) is not getattr(Callback, hook)
