"""Hyper-parameters of imported runs: Lightning's `hparams.yaml`, and what both it and event files need to be params."""

import logging
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

log = logging.getLogger(__name__)
MAX_BYTES = 1 << 20
MAX_PARAMS = 200
MAX_TEXT = 2_000
_MAX_NODES = 5_000
_MAX_DEPTH = 16
_MAX_INT = 2**63 - 1
_MAX_BITS = 4_096
"""Of a whole number that is written out; Python refuses those that are much longer."""


# Reads data only: what names a Python object becomes the text of its name. (A class of untyped ones has no type.)
_Loader: Any = type("_Loader", (yaml.SafeLoader,), {})


def _unknown(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return suffix.rpartition(":")[2] if not node.value else str(node.value)


_Loader.add_multi_constructor("", _unknown)


def read_yaml(path: Path) -> dict[str, Any]:
    """The params in a `hparams.yaml`, nested names joined by `/`; empty where there is none or it cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    with os.fdopen(file, "rb") as opened:
        info = os.fstat(opened.fileno())
        if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_BYTES:
            return {}
        data = opened.read(MAX_BYTES)
    try:
        found = yaml.load(data, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        log.info("%s is not read: %s", path, error)
        return {}
    return as_params(dict(_flat(found))) if isinstance(found, dict) else {}


def _flat(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Leaves with their names; bounded, because YAML's aliases can make much out of little."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    seen = 0
    while waiting and seen < _MAX_NODES:
        name, item, depth = waiting.pop()
        seen += 1
        if isinstance(item, Mapping) and item and depth < _MAX_DEPTH:
            below = [
                (f"{name}/{_short(key)}" if name else _short(key), child, depth + 1)
                for key, child in item.items()
            ]
            waiting += reversed(below)
        else:
            yield name, item


def as_params(found: Mapping[str, Any]) -> dict[str, Any]:
    """What can be stored as params: at most 200, plain values, the rest as text."""
    kept: dict[str, Any] = {}
    for name, value in found.items():
        if len(kept) >= MAX_PARAMS:
            break
        key = plain_text(str(name))[:200].strip()
        if key:
            kept[key] = _plain(value)
    return kept


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MAX_INT else _short(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple) and len(value) <= 100 and all(_is_scalar(item) for item in value):
        return [_plain(item) for item in value]
    return plain_text(value if isinstance(value, str) else _short(value))[:MAX_TEXT]


def _short(value: object) -> str:
    """The text of a value; not of something nested, which an alias may repeat beyond all bounds, and of no endless number."""
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return "…"
    return str(value) if _is_scalar(value) or not isinstance(value, dict | list | tuple | set) else "…"


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def plain_text(text: str) -> str:
    """Text that both databases store."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
