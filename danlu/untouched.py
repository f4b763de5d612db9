"""Run a network on the side of a training that does not notice."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from danlu import rng


@contextmanager
def untouched(net: nn.Module) -> Iterator[None]:
    """A block in which the network is evaluated without gradients, and after which it is as it was.

    Every module's mode and buffers are put back, and the generators of torch (on every device in use), numpy and
    Python. Only the parameters and buffers of lazy modules stay as the block initialised them.
    """
    # Attributes, not train() and eval(): overridden ones may do more, such as merging weights.
    modes = [(module, module.training) for module in net.modules()]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in net.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if not is_lazy(buffer)
    ]
    drawn = rng.capture()
    try:
        for module, _ in modes:
            module.training = False
        with torch.no_grad():
            yield
    finally:
        rng.restore(drawn)
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for module, name, buffer, before in buffers:
                if _changed(buffer, before):
                    buffer.resize_as_(before).copy_(before)
                if getattr(module, name) is not buffer:
                    setattr(module, name, buffer)


def _changed(tensor: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether the values differ; taken as so where they cannot be compared, and never where there are none."""
    if tensor.is_meta:
        return False
    return tensor.layout != torch.strided or not torch.equal(tensor, before)
