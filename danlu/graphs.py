"""Trace a torch model into TensorBoard's graph without leaving a trace in the training."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef


def trace(model: Any, inputs: Any) -> tuple[GraphDef, RunMetadata]:
    """The graph of one forward pass, in evaluation mode and without gradients.

    The random generators, every module's mode and all gradients are afterwards as they were before.

    Args:
        model: a torch.nn.Module.
        inputs: a tensor or a tuple of tensors, on the model's device.

    Raises:
        Exception: whatever tracing this model raises.
    """
    import torch
    from torch.utils.tensorboard._pytorch_graph import graph

    devices = {tensor.get_device() for tensor in model.parameters() if tensor.is_cuda}
    with (
        torch.random.fork_rng(devices=sorted(devices)),
        torch.no_grad(),
        _evaluating(model),
        warnings.catch_warnings(),
    ):
        # The tracer warns of shapes that it takes for constants, and of its own age; a drawing may have both.
        warnings.simplefilter("ignore")
        found: tuple[GraphDef, RunMetadata] = graph(model, inputs)  # type: ignore[no-untyped-call,unused-ignore]
        return found


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Put every module into evaluation mode, and each one back into its own mode."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def close_figure(figure: Any) -> None:
    """Take a figure from pyplot's list of open ones, if pyplot is in use and knows it."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
