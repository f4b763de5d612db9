"""Which runs a TensorBoard directory holds. Reads names, and of a few files the first bytes; writes nothing.

A folder that holds event files is a run, with two exceptions that people expect:

- its *parts* belong to it: `train`, `validation`, `eval`, … below a run or, when there is nothing else, below the folder
  that is then the run (Keras, estimators); what `add_hparams` and `add_scalars` have made below it; `rank_0`, …;
- a Lightning `version_N` is one run with all that is in it.

Links are never followed.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from danlu.tail import EventTail

MAX_FOLDERS = 100_000
MAX_DEPTH = 16
HPARAMS_FILE = "hparams.yaml"
EVENT_MARK = "tfevents"
_FIRST_BYTES = 1 << 16
_SKIPPED = frozenset({"__pycache__", "node_modules"})
_TRAIN = frozenset({"train", "training"})
_PARTS = _TRAIN | {
    "val", "valid", "validation", "validate", "test", "testing", "eval", "evaluation", "dev",
}  # fmt: skip
_NUMBERED = re.compile(r"(?:rank|worker|proc|process|gpu|node)[_-]?\d{1,4}")
_HPARAMS = re.compile(r"\d{9,11}(?:\.\d+)?")
"""What `SummaryWriter.add_hparams` calls its folder: seconds since 1970."""
_VERSION = re.compile(r"version_\d+")


@dataclass(frozen=True, slots=True)
class Found:
    """One run.

    Attributes:
        path: of its folder below the directory, with `/` between names; "" is the directory itself.
        root: the same, absolute.
        folders: which of the folders at or below it are its own ("" is its folder) → bytes of their event files.
        first: name of its first event file, which holds the time, the host and the process that made it.
        whole: whether all that lies in its folder is its own, so that its files can be shown.
    """

    path: str
    root: Path
    folders: dict[str, int]
    first: str
    whole: bool


@dataclass(slots=True)
class _Node:
    path: str
    depth: int
    events: dict[str, int] = field(default_factory=dict)
    children: "dict[str, _Node]" = field(default_factory=dict)
    has_hparams: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def holding(self) -> "Iterator[_Node]":
        """Itself and the folders below it that hold event files."""
        if self.events:
            yield self
        for child in self.children.values():
            yield from child.holding()


def discover(root: Path, *, per_folder: bool = False) -> tuple[list[Found], list[str]]:
    """Find the runs of a directory.

    Args:
        root: absolute.
        per_folder: each folder with event files is a run, whatever it is called.

    Returns:
        the runs by path, and what was not looked at, one sentence each.
    """
    notes: list[str] = []
    tree = _Walk(root, notes).tree()
    found = _each(root, tree) if per_folder else _runs(root, tree)
    return sorted(found, key=lambda run: run.path), notes


class _Walk:
    """Reads the tree of folders, and forgets branches without event files."""

    def __init__(self, root: Path, notes: list[str]) -> None:
        self._root = root
        self._notes = notes
        self._seen = 0

    def tree(self) -> _Node:
        node = _Node("", 0)
        self._read(node)
        return node

    def _read(self, node: _Node) -> None:
        self._seen += 1
        below: list[str] = []
        try:
            with os.scandir(self._root / node.path) as entries:
                for entry in entries:
                    self._look(entry, node, below)
        except OSError as error:
            self._note(f"{node.path or '.'}: {error.strerror}")
            return
        for name in sorted(below):
            if node.depth >= MAX_DEPTH or self._seen >= MAX_FOLDERS:
                self._note(
                    f"{node.path or '.'}: more than {MAX_FOLDERS} folders, or too deep; the rest is left out"
                )
                return
            child = _Node(f"{node.path}/{name}" if node.path else name, node.depth + 1)
            self._read(child)
            if child.events or child.children:
                node.children[name] = child

    def _look(self, entry: "os.DirEntry[str]", node: _Node, below: list[str]) -> None:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            self._note(f"{node.path or '.'}: a name that is not UTF-8 is left out")
            return
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith(".") and entry.name not in _SKIPPED:
                below.append(entry.name)
        elif entry.is_file(follow_symlinks=False):
            if EVENT_MARK in entry.name:
                node.events[entry.name] = entry.stat(follow_symlinks=False).st_size
            node.has_hparams = node.has_hparams or entry.name == HPARAMS_FILE
        elif entry.is_symlink() and EVENT_MARK in entry.name:
            self._note(f"{node.path or '.'}: {entry.name} is a link and is left out")

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)


def _each(root: Path, tree: _Node) -> list[Found]:
    return [_found(root, node, [node], whole=not node.children) for node in tree.holding()]


def _runs(root: Path, node: _Node) -> list[Found]:
    """The runs at and below a folder."""
    children = list(node.children.values())
    version = bool(_VERSION.fullmatch(node.name)) and (node.has_hparams or bool(node.events))
    if version or (not node.events and _is_split(node.children)):
        return [_found(root, node, list(node.holding()), whole=True)]
    if not node.events:
        return [run for child in children for run in _runs(root, child)]
    parts = [child for child in children if _is_part(root, child)]
    others = [child for child in children if child not in parts]
    own = [node, *(below for part in parts for below in part.holding())]
    run = _found(root, node, own, whole=not others)
    return [run, *(found for child in others for found in _runs(root, child))]


def _is_split(names: dict[str, _Node]) -> bool:
    """Whether these are the parts of one run, and nothing else: several, or one that trains."""
    if not names or not all(name in _PARTS or _NUMBERED.fullmatch(name) for name in names):
        return False
    return len(names) > 1 or not _TRAIN.isdisjoint(names)


def _is_part(root: Path, node: _Node) -> bool:
    """Whether a folder below a run's is a part of that run."""
    name = node.name
    if name in _PARTS or _NUMBERED.fullmatch(name) or _HPARAMS.fullmatch(name):
        return True
    return bool(node.events) and not node.children and _is_of_add_scalars(root / node.path, name)


def _is_of_add_scalars(folder: Path, name: str) -> bool:
    """Whether `SummaryWriter.add_scalars` made it: called by the one tag in it, and what the curve is called there."""
    tags = EventTail(folder, poll_bytes=_FIRST_BYTES, folders={""}).poll()
    return len(tags) == 1 and name.startswith(next(iter(tags)).replace("/", "_") + "_")


def _found(root: Path, node: _Node, holding: list[_Node], *, whole: bool) -> Found:
    start = len(node.path) + 1 if node.path else 0
    folders = {below.path[start:]: sum(below.events.values()) for below in holding}
    first = min(name for below in holding for name in below.events)
    # The directory itself may be somebody's project: what else lies there is nobody's business.
    return Found(node.path, root / node.path, folders, first, whole and bool(node.path))
