"""What of a folder is packed: its `.gitignore` and `.danluignore` files, nested ones too, and what nobody wants to send."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

DEFAULTS = """
__pycache__/
*.py[co]
.venv/
venv/
node_modules/
.ipynb_checkpoints/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.tox/
.nox/
*.egg-info/
.DS_Store
Thumbs.db
danlu-data/
events.out.tfevents.*
"""
"""Left out unless a file of the user's own takes it back with `!`; `.git` is left out in any case."""
WEIGHTS = frozenset(
    {".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".h5", ".keras", ".npz", ".onnx", ".pkl"}
)
WEIGHTS_BYTES = 1_000_000
"""A file with such a suffix and more bytes is taken for a checkpoint, and left out likewise."""
FILES = (".gitignore", ".danluignore")
"""The stronger one last."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The lines of one file: for paths below `below`, seen from `above` that folder."""

    name: str
    spec: GitIgnoreSpec
    below: str = ""
    """Folder of the file, relative to the packed one, with a trailing `/`; "" for that itself."""
    above: str = ""
    """For a file that lies higher than the packed folder: the packed one as seen from there, with a trailing `/`."""

    def says(self, path: str) -> bool | None:
        """Whether the path (a folder's ends in `/`) is left out; None where the file says nothing of it."""
        return self.spec.check_file(self.above + path[len(self.below) :]).include


_BUILT_IN = Rule("left out by default", GitIgnoreSpec.from_lines(DEFAULTS.split()))


def rules_above(folder: Path) -> list[Rule]:
    """What holds for a folder before its own files: the defaults, and the git repository that it lies in."""
    found = [_BUILT_IN]
    folders = [folder, *folder.parents]
    top = next((place for place, above in enumerate(folders) if (above / ".git").exists()), None)
    if top is None:
        return found
    seen_from_top = f"{folder.relative_to(folders[top]).as_posix()}/" if top else ""
    found += _rule(folders[top] / ".git" / "info" / "exclude", "git's exclude file", above=seen_from_top)
    for above in reversed(folders[1 : top + 1]):
        found += _read(above, above=f"{folder.relative_to(above).as_posix()}/")
    return found


def rules_in(folder: Path, below: str) -> list[Rule]:
    """The files of one folder, to be appended to those above it."""
    return _read(folder, below=below)


def left_out(rules: list[Rule], path: str, size: int | None = None) -> str | None:
    """Why a path is left out, None when it is packed. The last file that says something decides, as with git.

    Args:
        path: relative to the packed folder; a folder's ends in `/`.
        size: of a file, bytes.
    """
    for rule in reversed(rules):
        says = rule.says(path)
        if says is not None:
            return rule.name if says else None
    if size is not None and size > WEIGHTS_BYTES and Path(path).suffix.lower() in WEIGHTS:
        return "looks like a checkpoint"
    return None


def _read(folder: Path, *, below: str = "", above: str = "") -> list[Rule]:
    return [rule for name in FILES for rule in _rule(folder / name, name, below=below, above=above)]


def _rule(path: Path, name: str, *, below: str = "", above: str = "") -> list[Rule]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return []
    return [Rule(name, GitIgnoreSpec.from_lines(lines), below, above)]
