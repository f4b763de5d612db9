"""Show a network as a table: its layers in the order in which they run, their output shapes, parameters and sizes.

>>> text = summary(nn.Sequential(nn.Linear(2, 8), nn.ReLU()), input_shape=(2,))
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from danlu.netinputs import arguments, bytes_of, described, tensors_in
from danlu.untouched import untouched

__all__ = ["summary"]

WIDTH = 74
MEGABYTE = 1024**2


@runtime_checkable
class HasNet(Protocol):
    """A trainer: something with a network."""

    @property
    def net(self) -> nn.Module:
        """The network."""


def summary(
    net: nn.Module | HasNet,
    input_data: Any = None,
    input_shape: Sequence[int] | Sequence[Sequence[int]] | None = None,
    input_dtype: torch.dtype | Sequence[torch.dtype] = torch.float32,
    *,
    input_data_args: Sequence[Any] | Mapping[str, Any] | None = None,
    batch_size: int = -1,
    depth: int | None = None,
    print_it: bool = True,
) -> str:
    """Run the network once and describe it: a line for each call of a layer, then totals.

    The network is afterwards as it was: modes, buffers, gradients, hooks and the random generators of torch, numpy and
    Python. Only lazy layers get their parameters. It runs without gradients, in evaluation mode, on its own device.

    A line's parameters are those that no line above has shown: what is shared counts once, and the column adds up to
    the total. Parameters that a network holds outside of its layers, and layers that did not run, come last, by name.
    Sizes are those of one sample (of ``batch_size`` samples when it is given): the inputs, all outputs of all layers
    (twice, for their gradients) and the parameters, each by the bytes of its own type.

    Args:
        net: a module, or a trainer, whose ``net`` is taken.
        input_data: the input: a tensor, or a tuple, list or dict of such. A tuple or list is spread over the arguments
            of a network that takes several; a dict becomes keyword arguments if the network has those names. Tensors
            are moved to the network's device. Their first dimension is the batch.
        input_shape: instead of data, the shape of one sample, or a list of shapes, one for each argument. The data
            made of it is random for floats, and zeros for integers, which are valid indices.
        input_dtype: the type of the data made, or a list, one for each shape.
        input_data_args: further arguments behind the input, or in its place: a tuple, or a dict of keywords.
        batch_size: what to show as the first dimension of outputs, and how many samples the sizes are for.
        depth: how deep to look: 1 shows the network's own children whole; default: all layers.
        print_it: also print the table.

    Returns:
        the table, lines of 74 characters, without a final newline.

    Raises:
        ValueError: both or none of ``input_data`` and ``input_shape`` are given, or a number is out of its range.
        TypeError: ``net`` is no network.
        Exception: whatever the network's forward raises, with a note that tells the input's shapes.
    """
    module = _module_of(net)
    if batch_size != -1 and batch_size < 1:
        raise ValueError(f"batch_size is at least 1, or -1 for any, not {batch_size}")
    if depth is not None and depth < 1:
        raise ValueError(f"depth is at least 1, not {depth}")
    args, keywords = arguments(module, input_data, input_shape, input_dtype, input_data_args)
    found = _run(module, args, keywords, depth)
    text = _table(module, found, batch_size, bytes_of([args, keywords]))
    if print_it:
        print(text)
    return text


@dataclass
class _Run:
    """What one forward pass showed.

    Attributes:
        batch: the first dimension of the input, which stands for the batch; None without any.
        calls: the layers shown, in the order in which their calls ended, with their first output's shape.
        output_bytes: of all outputs of all layers, with those of the gradients.
        names: the layers that are shown as a whole, by name.
    """

    batch: int | None
    names: dict[nn.Module, str]
    calls: list[tuple[nn.Module, tuple[int, ...] | None]] = field(default_factory=list)
    output_bytes: int = 0


def _module_of(net: nn.Module | HasNet) -> nn.Module:
    """The module to run: out of a trainer, of what compiles it and of what spreads it over processes."""
    if not isinstance(net, nn.Module):
        if not isinstance(net, HasNet) or not isinstance(net.net, nn.Module):
            raise TypeError(
                f"summary takes a torch.nn.Module, or a trainer with a .net, not {type(net).__name__}"
            )
        return _module_of(net.net)
    compiled = getattr(net, "_orig_mod", None)
    if isinstance(compiled, nn.Module):
        return _module_of(compiled)
    # Forward of these would wait for the other processes.
    if isinstance(net, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return _module_of(net.module)
    return net


def _run(net: nn.Module, args: list[Any], keywords: dict[str, Any], depth: int | None) -> _Run:
    """One forward pass, watched."""
    first = next((tensor for tensor in tensors_in([args, keywords]) if tensor.ndim), None)
    leaves = {module for module, _ in _layers(net, None)}
    found = _Run(None if first is None else len(first), dict(_layers(net, depth)))

    def watch(module: nn.Module, _: Any, output: Any) -> None:
        if module in leaves:
            for tensor in tensors_in(output):
                gradient = tensor.is_floating_point() or tensor.is_complex()
                found.output_bytes += tensor.numel() * tensor.element_size() * (2 if gradient else 1)
        if module in found.names:
            shown = next(tensors_in(output), None)
            found.calls.append((module, None if shown is None else tuple(shown.shape)))

    with untouched(net), _eager(net):
        hooks = []
        try:
            hooks += [module.register_forward_hook(watch) for module in {*leaves, *found.names}]
            net(*args, **keywords)
        except Exception as error:
            shapes = ", ".join(described([*args, *keywords.values()])) or "nothing"
            error.add_note(f"danlu.summary ran {type(net).__name__} on {shapes}")
            raise
        finally:
            for hook in hooks:
                hook.remove()
    return found


def _eager(net: nn.Module) -> AbstractContextManager[Any]:
    """Let parts that torch.compile took over run as they are written, for compiled code runs no hooks."""
    marks = ("_orig_mod", "_compiled_call_impl")
    if any(getattr(module, mark, None) is not None for module in net.modules() for mark in marks):
        return cast("AbstractContextManager[Any]", torch.compiler.set_stance("force_eager"))
    return nullcontext()


def _layers(net: nn.Module, depth: int | None) -> Iterator[tuple[nn.Module, str]]:
    """The modules to show as a whole, each once, with their names: those without children, or ``depth`` deep."""
    seen: set[nn.Module] = set()

    def walk(module: nn.Module, name: str, level: int) -> Iterator[tuple[nn.Module, str]]:
        if module in seen:
            return
        seen.add(module)
        holds_only = isinstance(module, nn.ParameterList | nn.ParameterDict)
        if _is_layer(module) or (level == depth and not holds_only):
            yield module, name
            return
        for key, child in module.named_children():
            yield from walk(child, f"{name}.{key}" if name else key, level + 1)

    yield from walk(net, "", 0)


def _is_layer(module: nn.Module) -> bool:
    """Whether nothing inside the module is a layer of its own."""
    if isinstance(module, nn.MultiheadAttention | torch.jit.ScriptModule):
        return True  # these use their children without calling them
    if isinstance(module, nn.ParameterList | nn.ParameterDict):
        return False
    children = {name for name, _ in module.named_children()}
    return children <= {"parametrizations"}


def _table(net: nn.Module, found: _Run, batch_size: int, input_bytes: int) -> str:
    """The text."""
    lines = [_line("Layer (type)", "Output Shape", "Param #"), "=" * WIDTH]
    seen: set[nn.Parameter] = set()

    def fresh(module: nn.Module) -> int:
        new = {parameter for parameter in module.parameters() if not is_lazy(parameter)} - seen
        seen.update(new)
        return sum(parameter.numel() for parameter in new)

    for number, (module, shape) in enumerate(found.calls, 1):
        shown = _shape(shape, found.batch, batch_size)
        lines.append(_line(f"{type(module).__name__}-{number}", shown, f"{fresh(module):,}"))
    for module, name in found.names.items():
        count = fresh(module)
        if count:
            lines.append(_line(f"{name} ({type(module).__name__})", "not run", f"{count:,}"))
    for name, parameter in net.named_parameters():
        if parameter not in seen and not is_lazy(parameter):
            count = parameter.numel()
            lines.append(_line(f"{name} (Parameter)", str(list(parameter.shape)), f"{count:,}"))

    parameters = [parameter for parameter in net.parameters() if not is_lazy(parameter)]
    total = sum(parameter.numel() for parameter in parameters)
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    scale = abs(batch_size) / (found.batch or 1)
    sizes = [input_bytes * scale, found.output_bytes * scale, bytes_of(parameters)]
    input_size, pass_size, parameter_size = (size / MEGABYTE for size in sizes)
    rule = "-" * WIDTH
    totals = [
        "=" * WIDTH,
        f"Total params: {total:,}",
        f"Trainable params: {trainable:,}",
        f"Non-trainable params: {total - trainable:,}",
        rule,
        f"Input size (MB): {input_size:.6f}",
        f"Forward/backward pass size (MB): {pass_size:.6f}",
        f"Params size (MB): {parameter_size:.6f}",
        f"Estimated Total Size (MB): {input_size + pass_size + parameter_size:.6f}",
        rule,
    ]
    return "\n".join([rule, *lines, *totals])


def _shape(shape: tuple[int, ...] | None, batch: int | None, batch_size: int) -> str:
    """An output's shape, with the batch size to show where its first dimension is the batch's."""
    if shape is None:
        return "-"
    if shape and shape[0] == batch:
        return str([batch_size, *shape[1:]])
    return str(list(shape))


def _line(name: str, shape: str, count: str) -> str:
    """One row: a long name takes the room that a short shape leaves, and loses its beginning beyond that."""
    room = 50 - len(shape)
    if len(name) > room > 1:
        name = "…" + name[1 - room :]
    return f"{name}  {shape:>{max(50 - len(name), 0)}} {count:>20}"
