"""The losses and metrics of some data, and what a network says to it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from danlu.batches import supervised, to_device
from danlu.forward import outputs_of
from danlu.meters import Meter
from danlu.outputs import predicted
from danlu.precision import Precision
from danlu.source import Batches, Piece

if TYPE_CHECKING:
    from danlu.trainer import Trainer


def account(meter: Meter, outputs: Mapping[str, Any], size: int) -> None:
    """Add the outputs of one batch to a meter.

    Raises:
        Exception: whatever a metric raises, with a note that names it.
    """
    size = int(outputs.get("size", size)) if size else 0  # 0: a stand-in, whatever its step makes of it
    for name, value in outputs.items():
        if name not in {"preds", "labels", "size"}:
            meter.add(name, value, size)
    if not meter.metrics:
        return
    if not {"preds", "labels"} <= outputs.keys():
        names = ", ".join(meter.metrics)
        raise ValueError(
            f"metrics ({names}) need preds and labels: what step or update returns has to hold them"
        )
    if size == 0:
        return
    preds, labels = outputs["preds"], outputs["labels"]
    if isinstance(preds, Tensor):
        preds = preds.detach()
    for name, metric in meter.metrics.items():
        try:
            metric.update(preds, labels)
        except Exception as error:
            error.add_note(f"raised by the metric {name!r}")
            raise


def evaluate(
    trainer: "Trainer",
    data: Batches,
    precision: Precision,
    asked_to_stop: Callable[[], bool],
    name: str = "val_data",
) -> dict[str, float] | None:
    """The losses and metrics on some data, the network in evaluation mode; None when asked to stop before the end."""
    meter = Meter(trainer.val_metrics, trainer.device)
    trainer.net.eval()
    pieces = data.start()
    alone = trainer.ranks.world == 1
    count = 0
    with torch.no_grad():
        while (piece := next_of(pieces, name, f"batch {count}")) is not None:
            if alone and asked_to_stop():
                return None
            with precision.autocast():
                outputs = outputs_of(trainer, to_device(piece.batch, trainer.device))
            account(meter, outputs, piece.size)
            count += 1
    if not count:
        raise ValueError(f"{name} is empty: it gave no batch")
    return meter.values(trainer.ranks)


def next_of(pieces: Iterator[Piece], name: str, place: str) -> Piece | None:
    """The next batch; None at the end.

    Raises:
        Exception: whatever the data raises, with a note that names it.
    """
    try:
        return next(pieces, None)
    except Exception as error:
        error.add_note(f"raised by {name} at {place}")
        raise


def predict(trainer: "Trainer", data: Batches) -> Any:
    """The network's outputs; see `Trainer.predict`."""
    found: list[Any] = []
    with untouched_modes(trainer.net), torch.no_grad(), trainer.precision.autocast():
        trainer.net.eval()
        for piece in data.start():
            batch = to_device(piece.batch, trainer.device)
            args, named, _ = supervised(batch, labelled=trainer.loss_fn is not None)
            outputs = predicted(trainer.net(*args, **named))
            several = isinstance(outputs, tuple | list)
            found.append([kept(item) for item in outputs] if several else kept(outputs))
    if not found:
        raise ValueError("data is empty: it gave no batch")
    if isinstance(found[0], list):
        return [torch.cat(parts) for parts in zip(*found, strict=True)]
    return torch.cat(found)


def kept(outputs: Tensor) -> Tensor:
    """On the CPU; what was computed in 16 bits as float32, which numpy has, too."""
    half = outputs.dtype in {torch.bfloat16, torch.float16}
    return outputs.to("cpu", torch.float32 if half else outputs.dtype)


@contextlib.contextmanager
def untouched_modes(net: nn.Module) -> Iterator[None]:
    """Around what changes modes: every module is afterwards in the mode that it was in."""
    modes = [(module, module.training) for module in net.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
