"""Images, histograms, texts and graphs from TensorBoard's data server: the raw gRPC stub, as for scalars."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from app.errors import NotFound, TooLarge
from app.metrics.dataserver import DEADLINE, EVERYTHING, ScalarReader, ServerGoneError

Kind = Literal["images", "histograms", "text", "graph"]
BLOB_PLUGINS: dict[str, Kind] = {"images": "images", "graphs": "graph"}
TENSOR_PLUGINS: dict[str, Kind] = {"histograms": "histograms", "text": "text"}
PLUGIN_OF = {kind: plugin for plugin, kind in (BLOB_PLUGINS | TENSOR_PLUGINS).items()}


@dataclass(frozen=True)
class Logged:
    """What a run logged under one tag at one step: keys of its blobs, or the tensor."""

    step: int
    wall: float
    value: Any


class MediaReader(ScalarReader):
    """Reads what is no scalar. Thread-safe; every method raises ServerGoneError when the data server does not answer."""

    def media(self, address: str, names: Iterable[str]) -> dict[str, dict[str, tuple[Kind, int]]]:
        """What there is: run name → tag → its kind and its last step."""
        from tensorboard.data.proto import data_provider_pb2 as messages

        names = list(names)
        found: dict[str, dict[str, tuple[Kind, int]]] = {}
        for plugins, method, request in (
            (BLOB_PLUGINS, "ListBlobSequences", messages.ListBlobSequencesRequest),
            (TENSOR_PLUGINS, "ListTensors", messages.ListTensorsRequest),
        ):
            for plugin, kind in plugins.items():
                asked = request(
                    plugin_filter=messages.PluginFilter(plugin_name=plugin), run_tag_filter=_filter(names)
                )
                for run in self._call(address, method, asked).runs:
                    tags = found.setdefault(run.run_name, {})
                    tags.update({entry.tag_name: (kind, entry.metadata.max_step) for entry in run.tags})
        return found

    def blobs(
        self, address: str, names: Iterable[str], tags: Iterable[str], kind: Kind
    ) -> dict[str, dict[str, list[Logged]]]:
        """Keys of the blobs of these runs, by run name and tag, steps ascending."""
        from tensorboard.data.proto import data_provider_pb2 as messages

        request = messages.ReadBlobSequencesRequest(
            plugin_filter=messages.PluginFilter(plugin_name=PLUGIN_OF[kind]),
            run_tag_filter=_filter(names, tags),
            downsample=messages.Downsample(num_points=EVERYTHING),
        )
        return {
            run.run_name: {
                entry.tag_name: [
                    Logged(step, wall, [ref.blob_key for ref in sequence.blob_refs])
                    for step, wall, sequence in zip(
                        entry.data.step, entry.data.wall_time, entry.data.values, strict=True
                    )
                ]
                for entry in run.tags
            }
            for run in self._call(address, "ReadBlobSequences", request).runs
        }

    def tensors(
        self, address: str, names: Iterable[str], tags: Iterable[str], kind: Kind
    ) -> dict[str, dict[str, list[Logged]]]:
        """Tensors of these runs, by run name and tag, steps ascending."""
        from tensorboard.data.proto import data_provider_pb2 as messages

        request = messages.ReadTensorsRequest(
            plugin_filter=messages.PluginFilter(plugin_name=PLUGIN_OF[kind]),
            run_tag_filter=_filter(names, tags),
            downsample=messages.Downsample(num_points=EVERYTHING),
        )
        return {
            run.run_name: {
                entry.tag_name: [
                    Logged(*of)
                    for of in zip(entry.data.step, entry.data.wall_time, entry.data.value, strict=True)
                ]
                for entry in run.tags
            }
            for run in self._call(address, "ReadTensors", request).runs
        }

    def blob(self, address: str, key: str, limit: int) -> bytes:
        """The bytes of a blob.

        Raises:
            NotFound: the key is of nothing; it may have made place for newer steps.
            TooLarge: more than `limit` bytes.
        """
        import grpc
        from tensorboard.data.proto import data_provider_pb2 as messages

        stream = self._call(address, "ReadBlob", messages.ReadBlobRequest(blob_key=key))
        data = bytearray()
        try:
            for part in stream:
                data += part.data
                if len(data) > limit:
                    stream.cancel()
                    raise TooLarge(f"This blob has more than {limit >> 20} MiB.")
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else None
            if code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                raise NotFound("There is no such blob (any more).") from error
            raise ServerGoneError(address, code.name if code else f"no blob in {DEADLINE:.0f} s") from error
        return bytes(data)


def folder_of(key: str) -> str | None:
    """Which of the data server's runs a blob's key belongs to; None when it cannot be told.

    The server writes [experiment, run, tag, step, index] as JSON in base64.
    """
    try:
        parts = json.loads(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
    except (ValueError, RecursionError):
        return None
    return parts[1] if isinstance(parts, list) and len(parts) == 5 and isinstance(parts[1], str) else None


def _filter(names: Iterable[str], tags: Iterable[str] | None = None) -> Any:
    from tensorboard.data.proto import data_provider_pb2 as messages

    wanted = messages.RunTagFilter(runs=messages.RunFilter(names=list(names)))
    if tags is not None:
        wanted.tags.names.extend(tags)
    return wanted
