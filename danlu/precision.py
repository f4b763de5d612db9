"""Mixed precision through torch.amp: what is computed in fewer bits, and how gradients keep theirs."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from danlu.flat import FlatAdam

MODES = ("no", "bf16", "fp16")


class Precision:
    """How forward passes and backward passes are computed.

    Args:
        mode: "no" (as the tensors are), "bf16", or "fp16" (GPUs only; losses are scaled so that gradients keep their bits).
        device: where.

    Raises:
        ValueError: an unknown mode, or one that the device cannot do.
    """

    def __init__(self, mode: str, device: torch.device) -> None:
        if mode not in MODES:
            raise ValueError(f"mixed_precision must be one of {', '.join(MODES)}, not {mode!r}")
        if mode == "fp16" and device.type == "cpu":
            raise ValueError("mixed_precision 'fp16' needs a GPU; the CPU can do 'bf16'")
        self.mode, self._type = mode, device.type
        self._dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(mode)
        self._flat: dict[int, FlatAdam] = {}
        self.scaler = torch.amp.GradScaler(device.type) if mode == "fp16" else None

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context of a forward pass and its loss."""
        if self._dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self._type, self._dtype)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss."""
        if self.scaler is not None:
            loss = self.scaler.scale(loss)
        loss.backward()  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def stepping(self, optimizers: Iterable[torch.optim.Optimizer]) -> Iterator[None]:
        """Inside, the Adams of small networks on the CPU take their steps on one tensor."""
        if self.scaler is None:
            self._flat = {id(item): FlatAdam(item) for item in optimizers}
        try:
            yield
        finally:
            flat, self._flat = self._flat, {}
            for item in flat.values():
                item.release()

    def step(self, optimizer: torch.optim.Optimizer, clip: float | None) -> None:
        """One step of an optimizer, its gradients clipped to the norm `clip` first if that is given."""
        if clip is not None:
            if self.scaler is not None:
                self.scaler.unscale_(optimizer)
            parameters = [item for group in optimizer.param_groups for item in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        if self.scaler is None:
            self._flat.get(id(optimizer), optimizer).step()
            return
        self.scaler.step(optimizer)

    def clear(self, optimizer: torch.optim.Optimizer) -> None:
        """Forget the gradients of an optimizer's parameters: its `zero_grad`, without the profiler that torch wraps around it.

        That takes as long as the forward pass of a small network.
        """
        if type(optimizer).zero_grad is not torch.optim.Optimizer.zero_grad or "zero_grad" in vars(optimizer):
            optimizer.zero_grad()
            return
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def update(self) -> None:
        """Every optimizer has taken its step: the scale follows."""
        if self.scaler is not None:
            self.scaler.update()


class FiniteCheck:
    """Tells whether a loss is finite before the optimizer's step, without making a GPU wait for the backward pass.

    On CUDA the number travels to pinned memory right behind the forward pass, while the backward pass is queued.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        if self._cuda:
            self._number = torch.empty((), dtype=torch.float32, pin_memory=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._loss: torch.Tensor | None = None

    def watch(self, loss: torch.Tensor) -> None:
        """Send for a loss (0-dim)."""
        self._loss = loss
        if self._cuda:
            self._number.copy_(loss.detach(), non_blocking=True)
            self._arrived.record(torch.cuda.current_stream(loss.device))

    def value(self) -> float:
        """The loss that was watched last; it can be asked for once."""
        loss, self._loss = self._loss, None  # a kept loss would keep its graph
        if self._cuda:
            self._arrived.synchronize()
            return float(self._number)
        return loss.item() if loss is not None else 0.0
