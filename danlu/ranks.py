"""Several processes that train together: started by torchrun's own agent, each one a rank that knows the others."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from danlu.batches import to_device
from danlu.shards import Shard

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

_elastic_log = logging.getLogger("torch.distributed.elastic")
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_PR_SET_PDEATHSIG = 1
_ECHO_SECONDS = 5.0
_SHUTDOWN_SECONDS = 300
"""How long ranks that were asked to stop may take to save; whoever runs us has a shorter grace of its own."""


class RankFailed(RuntimeError):
    """A process of several died; the message names its rank and what it died of, with its traceback."""


@dataclass(frozen=True)
class Ranks:
    """One process among those that train together; alone by default.

    Attributes:
        rank: its number, from 0. Rank 0 writes what is written.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that records."""
        return self.rank == 0

    @property
    def shard(self) -> Shard:
        """The part of this process of each batch."""
        return Shard(self.rank, self.world)

    def wrap(self, net: nn.Module) -> nn.Module:
        """The network, or around it what averages its gradients over the processes."""
        if self.world == 1 or not any(item.requires_grad for item in net.parameters()):
            return net
        device = next(net.parameters()).device
        ids = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(net, device_ids=ids)

    def unsynced(self, model: nn.Module, *, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Around a backward pass: gradients are averaged over the processes in the last one of a step only."""
        if last or not isinstance(model, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[Any] = model.no_sync()
        return context

    def add_up(self, numbers: Sequence[Tensor]) -> list[Tensor]:
        """Each 0-dim tensor summed over the processes."""
        if self.world == 1 or not numbers:
            return list(numbers)
        stacked = torch.stack(list(numbers))
        dist.all_reduce(stacked)
        return list(stacked)

    def add_up_numbers(self, numbers: Sequence[int]) -> list[int]:
        """Each integer summed over the processes."""
        if self.world == 1 or not numbers:
            return list(numbers)
        return [sum(values) for values in zip(*self.gather(list(numbers)), strict=True)]

    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average gradients over the processes, where nothing was wrapped."""
        if self.world == 1:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.world

    def share(self, net: nn.Module) -> None:
        """Give every process rank 0's weights and buffers, where nothing is wrapped around the network."""
        if self.world > 1:
            for tensor in net.state_dict().values():
                dist.broadcast(tensor, src=0)

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, in the order of ranks; tensors come to the CPU."""
        if self.world == 1:
            return [value]
        value = to_device(value, torch.device("cpu"))
        found: list[Any] = [None] * self.world
        dist.all_gather_object(found, value)
        return found

    def agree(self, value: Any) -> Any:
        """Rank 0's value, in every process."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


def join() -> Ranks:
    """Join the processes that torchrun (or `launch`) started together with this one; alone when it started none.

    The group is made once a process: gloo on the CPU, nccl on CUDA, where this process takes the GPU of its local rank.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or "RANK" not in os.environ:
        return Ranks()
    if not dist.is_initialized():
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    return Ranks(dist.get_rank(), dist.get_world_size())


def number() -> int:
    """The rank of this process, before it has joined the others; 0 alone."""
    return int(os.environ.get("RANK", "0"))


def launch(processes: int, work: Callable[[], None], threads: int = 1) -> None:
    """Run `work` in so many forks of this process, as `torchrun --nproc-per-node` does, and wait for all of them.

    Args:
        processes: how many.
        work: called in each; RANK, WORLD_SIZE and the rest of torchrun's variables are set. What it returns is dropped.
        threads: of torch in each.

    Raises:
        RankFailed: one of them raised or was killed; the others are ended.
        RuntimeError: CUDA is in use in this process already, and would not survive the fork.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise RuntimeError(
            "CUDA is in use in this process already, so it cannot be forked; start the script with torchrun, or use "
            "devices=N before anything touches a GPU"
        )
    handlers = {number: signal.getsignal(number) for number in _HANDLED}
    level = _elastic_log.level
    _elastic_log.setLevel(logging.CRITICAL)  # it would print what is raised here as well
    try:
        with tempfile.TemporaryDirectory(prefix="danlu-ranks-") as folder:
            config = LaunchConfig(
                min_nodes=1, max_nodes=1, nproc_per_node=processes, rdzv_backend="c10d", rdzv_endpoint="127.0.0.1:0",
                run_id=f"danlu-{os.getpid()}", max_restarts=0, monitor_interval=0.05, start_method="fork",
                local_addr="127.0.0.1", logs_specs=DefaultLogsSpecs(log_dir=folder), shutdown_timeout=_SHUTDOWN_SECONDS,
            )  # fmt: skip
            elastic_launch(config, _rank_main)(work, threads)
    except ChildFailedError as failed:
        raise RankFailed(_what_failed(failed)) from None
    except SignalException as asked:
        before = handlers.get(asked.sigval)
        if not callable(before):
            raise SystemExit(128 + int(asked.sigval)) from None
        before(int(asked.sigval), None)  # whoever started us has its own way of stopping
    finally:
        _elastic_log.setLevel(level)
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)


def _rank_main(work: Callable[[], None], threads: int) -> None:
    for number in _HANDLED:  # the agent's handlers came along with the fork
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if sys.platform == "linux":  # torch's own choice, SIGINT, does not reach a rank that waits for the others
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    torch.set_num_threads(threads)
    try:
        work()
    except RuntimeError as error:
        if is_echo(error):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(_ECHO_SECONDS)
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def is_echo(error: BaseException) -> bool:
    """Whether a rank only lost its connection: then another one has died, and should be heard first."""
    return isinstance(error, RuntimeError) and (
        isinstance(error, dist.DistError) or "gloo" in str(error) or "NCCL" in str(error)
    )


def _what_failed(failed: "ChildFailedError") -> str:
    """The first failure: its rank, its error and its traceback, or the signal that killed it."""
    rank, failure = failed.get_first_failure()
    if failure.exitcode < 0:
        return f"rank {rank} was killed by {failure.signal_name()}"
    message = failure.message
    if isinstance(message, dict):
        trace = message.get("extraInfo", {}).get("py_callstack", "")
        return f"rank {rank}: {message.get('message')}\n{trace}".rstrip()
    if failure.exitcode and "error_file" in str(message):
        return f"rank {rank} ended with exit code {failure.exitcode}"
    return f"rank {rank}: {message}"
