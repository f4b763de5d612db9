"""Turn what users log (torch tensors, numpy arrays, lists) into numpy arrays, histograms and PNG images."""

import io
import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.summary_pb2 import HistogramProto

Layout = Literal["HW", "CHW", "HWC"]
_CHANNELS = {1, 3, 4}


def as_array(values: Any) -> NDArray[Any]:
    """The values as a numpy array on the CPU; torch's types that numpy lacks (bfloat16, float8) become float32.

    Raises:
        TypeError: they are no real numbers.
    """
    if hasattr(values, "detach"):
        tensor = values.detach()
        if tensor.layout.__str__() != "torch.strided":
            tensor = tensor.to_dense()
        if tensor.is_floating_point() and tensor.dtype.itemsize < 4:
            tensor = tensor.float()
        values = tensor.cpu().numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"real numbers are wanted, not {array.dtype}")
    return array


def histogram(array: NDArray[Any], bins: int) -> HistogramProto | None:
    """Count the finite values in ``bins`` equal bins between their extremes; None when there is no finite one.

    When all values are (nearly) equal, one bin holds them all.
    """
    values = array.astype(np.float64).ravel()
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.linspace(low, high, bins + 1)
        squares = float(np.square(values).sum())
        total = float(values.sum())
    if np.isfinite(edges).all() and bool((np.diff(edges) > 0).all()):
        counts, _ = np.histogram(values, bins=bins, range=(low, high))
    else:  # too close together, or too far apart, for that many bins in 64-bit floats
        counts, edges = np.array([values.size]), np.array([low, high])
    return HistogramProto(
        min=low,
        max=high,
        num=values.size,
        sum=total,
        sum_squares=squares,
        bucket_limit=edges[1:].tolist(),
        bucket=counts.tolist(),
    )


def to_pixels(image: Any, layout: Layout | None = None) -> NDArray[np.uint8]:
    """An image as bytes in (height, width, channels) (1, 3 or 4).

    Args:
        image: HW, CHW or HWC; floats from 0 to 1 (what lies outside is cut, NaN is black), booleans, or
            integers from 0 to 255.
        layout: default: by the shape; when both ends could be the channels, CHW, as torch has it.

    Raises:
        ValueError: the shape or the values are no image's.
        TypeError: no numbers.
    """
    array = as_array(image)
    layout = layout or _layout_of(array)
    if array.ndim != len(layout):
        raise ValueError(f"an image of shape {array.shape} is not {layout}")
    if layout == "HW":
        array = array[:, :, None]
    elif layout == "CHW":
        array = array.transpose(1, 2, 0)
    if array.shape[2] not in _CHANNELS or 0 in array.shape:
        raise ValueError(f"an image has 1, 3 or 4 channels and some pixels, not {array.shape} (HWC)")
    return _to_bytes(array)


def _layout_of(array: NDArray[Any]) -> Layout:
    if array.ndim == 2:
        return "HW"
    if array.ndim == 3 and array.shape[0] in _CHANNELS:
        return "CHW"
    if array.ndim == 3 and array.shape[2] in _CHANNELS:
        return "HWC"
    raise ValueError(f"an image is HW, CHW or HWC with 1, 3 or 4 channels; this shape is none: {array.shape}")


def _to_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype.kind in "iu":
        if array.min() < 0 or array.max() > 255:
            raise ValueError("the integers of an image are from 0 to 255")
        return array.astype(np.uint8)
    scaled = np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0) * 255
    pixels: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    return pixels


def to_batch(images: Any, layout: Layout | None = None) -> list[NDArray[np.uint8]]:
    """A batch (N at the front, or a list) as images of bytes.

    Raises:
        ValueError: the batch is empty, or one of them is no image.
    """
    batch = [to_pixels(image, layout) for image in images]
    if not batch:
        raise ValueError("a batch of images must not be empty")
    return batch


def make_grid(images: list[NDArray[np.uint8]], columns: int, padding: int) -> NDArray[np.uint8]:
    """Lay images of one size out in rows on black, ``padding`` pixels around each, as torchvision does.

    Raises:
        ValueError: their sizes differ, or ``columns`` or ``padding`` is too small.
    """
    if columns < 1 or padding < 0:
        raise ValueError("a grid has at least one column, and no negative padding")
    if len({image.shape for image in images}) != 1:
        raise ValueError("the images of a grid must be of one size")
    height, width, channels = images[0].shape
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    shape = (rows * (height + padding) + padding, columns * (width + padding) + padding, channels)
    grid = np.zeros(shape, np.uint8)
    for index, image in enumerate(images):
        top = (index // columns) * (height + padding) + padding
        left = (index % columns) * (width + padding) + padding
        grid[top : top + height, left : left + width] = image
    return grid


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode (height, width, channels) as PNG."""
    from PIL import Image

    out = io.BytesIO()
    squeezed = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(squeezed)).save(out, format="PNG")
    return out.getvalue()
