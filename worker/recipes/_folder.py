"""Image folders: ``train/<class>/*.png`` and ``test/<class>/*.png``, read into memory."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}


@dataclass(frozen=True)
class ImageSet:
    """Images (N, channels, size, size; 0 to 1) and the numbers of their classes."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    classes: list[str]


def load(folder: Path, size: int) -> ImageSet:
    """Read an image folder; pictures are scaled to ``size`` x ``size``, grey when the first one is grey.

    Raises:
        ValueError: the folder is not laid out like that, or a file is no image; the message names it.
    """
    classes = _classes(folder / "train")
    if len(classes) < 2:
        raise ValueError(f"{folder / 'train'}: at least two classes (folders) are needed, not {len(classes)}")
    unknown = sorted(set(_classes(folder / "test")) - set(classes))
    if unknown:
        raise ValueError(f"{folder / 'test'}: there is no training data for {', '.join(unknown)}")
    parts = {part: _files(folder / part, classes) for part in ("train", "test")}
    with Image.open(parts["train"][0][0]) as first:
        mode = "L" if first.mode in {"1", "L", "LA", "I", "I;16"} else "RGB"
    train, test = (_read(parts[part], size, mode) for part in ("train", "test"))
    return ImageSet(train=train, test=test, classes=classes)


def _classes(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise ValueError(
            f"{folder} is no folder; an image folder has train/<class>/*.png and test/<class>/*.png"
        )
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    files = [
        (path, number)
        for number, name in enumerate(classes)
        if (folder / name).is_dir()
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in _SUFFIXES
    ]
    if not files:
        raise ValueError(f"{folder}: no images in its classes' folders")
    return files


def _read(files: list[tuple[Path, int]], size: int, mode: str) -> tuple[Tensor, Tensor]:
    channels = 1 if mode == "L" else 3
    pixels = np.empty((len(files), size, size, channels), np.uint8)
    for index, (path, _) in enumerate(files):
        try:
            with Image.open(path) as image:
                scaled = image.convert(mode).resize((size, size), Image.Resampling.BILINEAR)
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"{path} is no image that can be read: {error}") from error
        pixels[index] = np.asarray(scaled).reshape(size, size, channels)
    labels = torch.tensor([number for _, number in files])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255, labels


def digits(parent: Path) -> Path:
    """scikit-learn's 1,797 handwritten digits as an image folder ``parent/digits``, made when it is missing.

    Several runs may ask at once: each one makes it aside, and the first rename stays.
    """
    folder = parent / "digits"
    if folder.is_dir():
        return folder
    aside = Path(tempfile.mkdtemp(prefix=".digits-", dir=parent))
    try:
        _write_digits(aside)
        aside.chmod(0o755)
        aside.rename(folder)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        if not folder.is_dir():
            raise
    return folder


def _write_digits(folder: Path) -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    train, test = train_test_split(
        np.arange(len(data.target)), test_size=0.3, random_state=0, stratify=data.target
    )
    for part, chosen in (("train", train), ("test", test)):
        for name in data.target_names:
            (folder / part / str(name)).mkdir(parents=True)
        for index in chosen:
            # Sixteen levels of grey become 256.
            pixels = np.rint(data.images[index] * (255 / 16)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / part / str(data.target[index]) / f"{index:04d}.png")
