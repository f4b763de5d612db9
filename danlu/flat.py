"""Adam's step on all small parameters at once.

On the CPU the step of a small network is mostly the overhead of some ten operations a tensor. Here the parameters of a group,
their averages and their counts of steps become pieces of one tensor each, and torch's own functional Adam takes one step on
that: the same operations on the same numbers. Checkpoints see the pieces, one a parameter, as ever.
"""

from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import Adam, adam
from torch.optim.adamw import AdamW

MOST = 200_000
"""Numbers in a group; beyond, the arithmetic itself takes the time."""
_OPTIONS = ("amsgrad", "maximize", "foreach", "fused", "capturable", "differentiable")


class FlatAdam:
    """Takes the steps of an optimizer, on one tensor where that is possible, else as the optimizer does.

    The first step is the optimizer's own: it makes its state, and tells its scheduler.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._pieces: list[_Pieces] | None = None
        self._hopeless = not _fits(optimizer)

    def step(self) -> None:
        """One step."""
        if self._hopeless:
            self._optimizer.step()
            return
        if self._pieces is None:
            self._optimizer.step()
            self._attach()
            return
        groups = self._optimizer.param_groups
        gradients = [pieces.gradient(self._optimizer) for pieces in self._pieces]
        if len(groups) != len(gradients) or any(gradient is None for gradient in gradients):
            self.release()  # somebody changed the network or the optimizer: begin anew
            self._optimizer.step()
            return
        for group, pieces, gradient in zip(groups, self._pieces, gradients, strict=True):
            pieces.step(group, gradient)

    def release(self) -> None:
        """Give every parameter a memory of its own again."""
        pieces, self._pieces = self._pieces or [], None
        for item in pieces:
            item.release()

    def _attach(self) -> None:
        if all(_attachable(self._optimizer, group) for group in self._optimizer.param_groups):
            self._pieces = [_Pieces(self._optimizer, group) for group in self._optimizer.param_groups]
        else:
            self._hopeless = True


class _Pieces:
    """The parameters of a group as pieces of one tensor, and so their averages."""

    def __init__(self, optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> None:
        self._parameters: list[Tensor] = list(group["params"])
        self._states = [optimizer.state[item] for item in self._parameters]
        self._values = self._join([item.data for item in self._parameters])
        for parameter, piece in zip(self._parameters, self._split(self._values), strict=True):
            parameter.data = piece
        self._first = self._joined_state("exp_avg")
        self._second = self._joined_state("exp_avg_sq")
        steps = torch.stack([state["step"] for state in self._states])
        self._steps = list(steps.unbind())
        self._one, self._others = self._steps[0], steps[1:]
        for state, step in zip(self._states, self._steps, strict=True):
            state["step"] = step
        self._places = [item.data_ptr() for item in self._parameters]
        self._gradient = torch.empty_like(self._values)

    def gradient(self, optimizer: torch.optim.Optimizer) -> Tensor | None:
        """All gradients as one tensor; None where the pieces are no longer what the optimizer works on."""
        parameters = self._parameters
        if optimizer.state.get(parameters[0]) is not self._states[0]:
            return None
        if any(state["step"] is not step for state, step in zip(self._states, self._steps, strict=True)):
            return None
        gradients = [item.grad for item in parameters]
        if [item.data_ptr() for item in parameters] != self._places:
            return None
        if any(item is None or item.layout is not torch.strided or item.requires_grad for item in gradients):
            return None  # of a graph of their own (create_graph), too: here nothing is under no_grad, which takes time
        return torch.cat([item.reshape(-1) for item in gradients if item is not None], out=self._gradient)

    def step(self, group: dict[str, Any], gradient: Tensor | None) -> None:
        """One step of Adam with the group's present options."""
        beta1, beta2 = group["betas"]
        adam(
            [self._values],
            [gradient] if gradient is not None else [],
            [self._first],
            [self._second],
            [],
            [self._one],
            foreach=False,
            fused=False,
            decoupled_weight_decay=group["decoupled_weight_decay"],
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
        self._others.add_(1)

    def release(self) -> None:
        for parameter, state in zip(self._parameters, self._states, strict=True):
            parameter.data = parameter.data.clone()
            for name in ("step", "exp_avg", "exp_avg_sq"):
                state[name] = state[name].clone()

    def _joined_state(self, name: str) -> Tensor:
        joined = self._join([state[name] for state in self._states])
        for state, piece in zip(self._states, self._split(joined), strict=True):
            state[name] = piece
        return joined

    def _join(self, tensors: list[Tensor]) -> Tensor:
        return torch.cat([item.reshape(-1) for item in tensors])

    def _split(self, joined: Tensor) -> list[Tensor]:
        sizes = [item.numel() for item in self._parameters]
        return [
            piece.view(item.shape)
            for piece, item in zip(torch.split(joined, sizes), self._parameters, strict=True)
        ]


def _fits(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it is torch's Adam or AdamW, as torch made it, on the CPU."""
    own = vars(optimizer).get("step")
    hooks = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    return (
        type(optimizer) in {Adam, AdamW}
        and (own is None or getattr(own, "_wrapped_by_lr_sched", False))
        and not hooks
        and all(_plain(group) for group in optimizer.param_groups)
    )


def _plain(group: dict[str, Any]) -> bool:
    parameters = group["params"]
    return (
        len(parameters) > 1
        and not any(group.get(name) for name in _OPTIONS)
        and not isinstance(group["lr"], Tensor)
        and not any(isinstance(beta, Tensor) for beta in group["betas"])
        and sum(item.numel() for item in parameters) <= MOST
        and all(
            item.device.type == "cpu"
            and item.dtype == torch.float32
            and item.layout is torch.strided
            and item.is_contiguous()
            and item.numel()
            and item.untyped_storage().nbytes() == item.nbytes  # nobody else looks into its memory
            for item in parameters
        )
    )


def _attachable(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> bool:
    """Whether every parameter has taken the same steps."""
    states = [optimizer.state.get(item, {}) for item in group["params"]]
    if not all({"step", "exp_avg", "exp_avg_sq"} <= state.keys() for state in states):
        return False
    # As after a load, these may be pieces of one memory; their places do not matter, but steps must be tensors apart.
    steps = [state["step"] for state in states]
    apart = len({item.data_ptr() for item in steps if isinstance(item, Tensor)}) == len(steps)
    return apart and len({float(item) for item in steps}) == 1
