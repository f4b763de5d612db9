"""Draw a run in TensorBoard: scalars, histograms, images, figures, text and the model's graph.

>>> with Board("runs/first") as board:
...     board.scalar("loss/train", 0.5, step=1)

Importing this module imports neither torch nor numpy, matplotlib or Pillow: each comes with its first use.
"""

import io
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, SupportsFloat, SupportsIndex

from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.event_pb2 import Event, TaggedRunMetadata
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_BLOB_SEQUENCE,
    DATA_CLASS_TENSOR,
    Summary,
    SummaryMetadata,
)
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from danlu.events import FLUSH_SECONDS, EventWriter
from danlu.hparams import write_session_end, write_session_start
from danlu.tfrecord import check_tag

if TYPE_CHECKING:
    from danlu.arrays import Layout

__all__ = ["Board", "write_session_end", "write_session_start"]

log = logging.getLogger(__name__)


class Board:
    """One event file in ``folder``, opened now; closed by ``close`` or by leaving a ``with`` block.

    Every method may be called from any thread and raises OSError when an earlier write failed (a full disk).
    Steps are 64-bit integers and should grow: a step that goes back hides what came after it.

    Args:
        folder: made when missing.
        flush_seconds: how long a record may wait in memory.
    """

    def __init__(self, folder: Path | str, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        self.writer = EventWriter(folder, flush_seconds=flush_seconds)
        # Hot path: the writer's own method, without a call in between.
        self.scalar = self.writer.scalar
        """``scalar(tag, value, step)``: log one number; NaN and infinities are logged as such."""
        self._graph_written = False
        self._warned: set[str] = set()

    def scalars(self, values: Mapping[str, SupportsFloat], step: SupportsIndex, prefix: str = "") -> None:
        """Log several numbers of one step; ``prefix`` (as in "val/") goes before each tag."""
        for tag, value in values.items():
            self.scalar(prefix + tag, value, step)

    def histogram(self, tag: str, values: Any, step: SupportsIndex, bins: int = 64) -> None:
        """Log the distribution of a tensor, array or list of any shape, in ``bins`` equal bins.

        NaN and infinite values are left out, with one logged warning per tag; when nothing is left, nothing is
        written.

        Raises:
            TypeError: the values are no real numbers.
            ValueError: ``bins`` is below 1.
        """
        from danlu import arrays

        check_tag(tag)
        if bins < 1:
            raise ValueError("a histogram has at least one bin")
        array = arrays.as_array(values)
        counted = arrays.histogram(array, bins)
        missing = array.size - (int(counted.num) if counted is not None else 0)
        if missing and tag not in self._warned:
            self._warned.add(tag)
            log.warning(
                "histogram %s at step %s: %d of %d values are not finite", tag, step, missing, array.size
            )
        if counted is not None:
            self.writer.summary(Summary(value=[Summary.Value(tag=tag, histo=counted)]), step)

    def image(self, tag: str, image: Any, step: SupportsIndex = 0, layout: "Layout | None" = None) -> None:
        """Log one image: HW, CHW or HWC; floats 0 to 1, booleans or integers 0 to 255.

        Raises:
            ValueError: it is no image; see :func:`danlu.arrays.to_pixels`.
        """
        from danlu import arrays

        self._pixels(tag, arrays.to_pixels(image, layout), step)

    def grid(
        self,
        tag: str,
        images: Any,
        step: SupportsIndex = 0,
        columns: int = 8,
        padding: int = 2,
        layout: "Layout | None" = None,
    ) -> None:
        """Log a batch (N at the front) as one image, in rows of ``columns`` with black lines between.

        Raises:
            ValueError: the batch is empty, or its images differ in size or are none.
        """
        from danlu import arrays

        self._pixels(tag, arrays.make_grid(arrays.to_batch(images, layout), columns, padding), step)

    def images(self, tag: str, images: Any, step: SupportsIndex = 0, layout: "Layout | None" = None) -> None:
        """Log a batch (N at the front) as separate images under one tag.

        Raises:
            ValueError: the batch is empty, or its images differ in size or are none.
        """
        from danlu import arrays

        batch = arrays.to_batch(images, layout)
        if len({image.shape for image in batch}) != 1:
            raise ValueError("the images of a batch must be of one size")
        height, width, _ = batch[0].shape
        parts = [b"%d" % width, b"%d" % height, *(arrays.to_png(image) for image in batch)]
        self._strings(tag, parts, step, "images", DATA_CLASS_BLOB_SEQUENCE)

    def figure(self, tag: str, figure: Any, step: SupportsIndex = 0, *, close: bool = True) -> None:
        """Log a matplotlib figure as an image, drawn without a display, and close it."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        from danlu.graphs import close_figure

        out = io.BytesIO()
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(out)
        width, height = canvas.get_width_height()
        self._png(tag, out.getvalue(), (height, width, 4), step)
        if close:
            close_figure(figure)

    def text(self, tag: str, text: str, step: SupportsIndex = 0) -> None:
        """Log a text, shown as Markdown."""
        self._strings(tag, [text.encode()], step, "text", DATA_CLASS_TENSOR)

    def graph(self, model: Any, inputs: Any) -> bool:
        """Log the graph of a torch model, once a board: later calls do nothing.

        The training does not notice: random generators, modes and gradients stay as they are. A model that cannot
        be traced is a logged warning, never an error.

        Args:
            model: a torch.nn.Module.
            inputs: a tensor or a tuple of tensors for one forward pass, on the model's device.

        Returns:
            whether a graph was written.
        """
        from danlu import graphs

        if self._graph_written:
            return False
        self._graph_written = True
        try:
            graph, metadata = graphs.trace(model, inputs)
        except Exception as error:  # noqa: BLE001 - tracing runs the user's model, which may raise anything
            log.warning("no graph of %s: %s: %s", type(model).__name__, type(error).__name__, error)
            return False
        tagged = TaggedRunMetadata(tag="step1", run_metadata=metadata.SerializeToString())
        self.writer.event(_now(Event(graph_def=graph.SerializeToString())))
        self.writer.event(_now(Event(tagged_run_metadata=tagged)))
        return True

    def flush(self) -> None:
        """Hand everything logged so far to the operating system: after it, killing the process loses nothing.

        Call it before saving a checkpoint: what was logged before the checkpoint will not be logged again.
        """
        self.writer.flush()

    def close(self) -> None:
        """Write everything out and close the file. A second call does nothing."""
        self.writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pixels(self, tag: str, pixels: Any, step: SupportsIndex) -> None:
        from danlu import arrays

        self._png(tag, arrays.to_png(pixels), pixels.shape, step)

    def _png(self, tag: str, png: bytes, shape: tuple[int, int, int], step: SupportsIndex) -> None:
        height, width, channels = shape
        image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self.writer.summary(Summary(value=[Summary.Value(tag=check_tag(tag), image=image)]), step)

    def _strings(
        self, tag: str, parts: Iterable[bytes], step: SupportsIndex, plugin: str, data_class: int
    ) -> None:
        """Log a tensor of byte strings for a plugin of TensorBoard."""
        values = list(parts)
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(values))])
        tensor = TensorProto(dtype=types_pb2.DT_STRING, string_val=values, tensor_shape=shape)
        metadata = SummaryMetadata(
            plugin_data=SummaryMetadata.PluginData(plugin_name=plugin), data_class=data_class
        )
        value = Summary.Value(tag=check_tag(tag), metadata=metadata, tensor=tensor)
        self.writer.summary(Summary(value=[value]), step)


class SilentBoard(Board):
    """A board that writes nothing, for every rank but the first; figures are closed as on any other."""

    def __init__(self) -> None:
        self.writer = _NoWriter()
        self.scalar = self.writer.scalar
        self._graph_written = True
        self._warned = set()


class _NoWriter(EventWriter):
    """Takes everything and keeps nothing."""

    def __init__(self) -> None:
        """Open nothing."""

    def scalar(
        self, tag: str, value: SupportsFloat, step: SupportsIndex, wall_time: float | None = None
    ) -> None:
        """Drop it."""

    def event(self, event: Event) -> None:
        """Drop it."""

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def _now(event: Event) -> Event:
    """The event with the present time."""
    event.wall_time = time.time()
    return event
