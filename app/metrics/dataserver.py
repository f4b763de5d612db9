"""Client of TensorBoard's data server: the raw gRPC stub, one call for all runs and tags.

Through `GrpcDataProvider` the same read takes ten times as long, for objects that are taken apart again here. Each
call waits about 44 ms in the server's socket whatever it carries, so there is never one call per run or tag. The
points are taken out of the bytes of the answer (`wire`): a million of them come in as a few hundred arrays.

grpc and numpy are imported at the first use: they would cost the server's start a fifth of a second and 12 MB.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from app.metrics.cache import SeriesCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.metrics.wire import Points

DEADLINE = 10.0  # seconds
SERVICE = "/tensorboard.data.TensorBoardDataProvider"
EVERYTHING = 2**40  # more points than any series has
STEPS_BYTES = (
    2**20
)  # of columns of steps, packed, that are remembered: runs that are read later share them too
CACHE_BYTES = 160 * 2**20


class ServerGoneError(Exception):
    """The data server at `address` does not answer: it has ended, or hangs."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address


class ScalarReader:
    """Reads from any number of data servers over channels that are kept. Thread-safe.

    Args:
        cache_bytes: of series that are kept in `cache`.
    """

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self.cache = SeriesCache(cache_bytes)
        self._lock = threading.Lock()
        self._channels: dict[str, Any] = {}
        self._steps: dict[bytes, NDArray[np.int64]] = {}

    def read(
        self, address: str, names: Iterable[str], tags: Iterable[str] | None = None
    ) -> dict[str, dict[str, Points]]:
        """All points of these runs: run name → tag → points; a run or tag that is not there is left out.

        Args:
            address: host:port.
            names: the data server's run names, as `TensorBoards.source` gives them.
            tags: only these; None for all.

        Raises:
            ServerGoneError: no answer within 10 s.
        """
        from tensorboard.data.proto import data_provider_pb2 as messages

        from app.metrics import wire

        request = messages.ReadScalarsRequest(
            plugin_filter=messages.PluginFilter(plugin_name="scalars"),
            run_tag_filter=_filter(names, tags),
            downsample=messages.Downsample(num_points=EVERYTHING),
        )
        answer = self._call(address, "ReadScalars", request, raw=True)
        with self._lock:
            if sum(map(len, self._steps)) > STEPS_BYTES:
                self._steps = {}
            steps = self._steps
        return wire.scalars(answer, steps)

    def tags(self, address: str, names: Iterable[str]) -> dict[str, list[str]]:
        """Names of the scalar tags of these runs: run name → sorted tags.

        Raises:
            ServerGoneError: no answer within 10 s.
        """
        from tensorboard.data.proto import data_provider_pb2 as messages

        request = messages.ListScalarsRequest(
            plugin_filter=messages.PluginFilter(plugin_name="scalars"), run_tag_filter=_filter(names, None)
        )
        answer = self._call(address, "ListScalars", request)
        return {run.run_name: sorted(entry.tag_name for entry in run.tags) for run in answer.runs}

    def loaded(self, address: str) -> set[str]:
        """Names of the runs that the server has read.

        Raises:
            ServerGoneError: no answer within 10 s.
        """
        from tensorboard.data.proto import data_provider_pb2 as messages

        return {run.name for run in self._call(address, "ListRuns", messages.ListRunsRequest()).runs}

    def close(self) -> None:
        """Close every channel."""
        with self._lock:
            channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.close()

    def _call(self, address: str, method: str, request: Any, *, raw: bool = False) -> Any:
        import grpc
        from tensorboard.data.proto import data_provider_pb2_grpc as services

        with self._lock:
            if address not in self._channels:
                self._channels[address] = _channel(address)
            channel = self._channels[address]
        try:
            if raw:
                call = channel.unary_unary(f"{SERVICE}/{method}", type(request).SerializeToString)
            else:
                call = getattr(services.TensorBoardDataProviderStub(channel), method)
            return call(request, timeout=DEADLINE)
        except (grpc.RpcError, ValueError) as error:
            # ValueError is what a channel says that another thread has closed in this moment.
            with self._lock:
                if self._channels.get(address) is channel:
                    del self._channels[address]
            channel.close()
            code = error.code().name if isinstance(error, grpc.Call) else "CANCELLED"
            raise ServerGoneError(address, code) from error


def health(address: str, timeout: float) -> str | None:
    """None when the data server answers within `timeout` seconds, else what is wrong."""
    import grpc
    from tensorboard.data.proto import data_provider_pb2 as messages
    from tensorboard.data.proto import data_provider_pb2_grpc as services

    with _channel(address) as channel:
        try:
            services.TensorBoardDataProviderStub(channel).GetExperiment(
                messages.GetExperimentRequest(), timeout=timeout
            )
        except grpc.RpcError as error:
            return f"the data server says {error.code().name}"
    return None


def _channel(address: str) -> Any:
    import grpc

    # One connection per channel (no sharing of a dead one between two), no proxy from the environment, and
    # answers of any size: 200 runs of 10,000 points are 50 MB.
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    ]
    return grpc.insecure_channel(address, options=options)


def _filter(names: Iterable[str], tags: Iterable[str] | None) -> Any:
    from tensorboard.data.proto import data_provider_pb2 as messages

    wanted = messages.RunTagFilter(runs=messages.RunFilter(names=list(names)))
    if tags is not None:
        wanted.tags.names.extend(tags)
    return wanted
