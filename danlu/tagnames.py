"""How the curves of one run are called, whichever folders its script wrote them in.

A script chooses a folder below its run's own: `SummaryWriter()` makes `runs/Oct02_12-30-00_host`, Lightning
`lightning_logs/version_0`, Keras `logs/train` and `logs/validation`. What all its curves have in common says nothing and
would keep the curves of two runs apart, so it is left out. The worker's summaries and the app's series use the same
names.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import takewhile

__all__ = ["clean_tag", "prefixes"]

_DEFAULT_WRITER = re.compile(r"[A-Z][a-z]{2}\d{2}_\d{2}-\d{2}-\d{2}_.+")
"""What `SummaryWriter()` calls its folder: the time and the host."""
_HPARAMS_WRITER = re.compile(r"\d{9,11}\.\d+")
"""What `SummaryWriter.add_hparams` calls its folder: seconds since 1970."""


def prefixes(folders: Collection[str]) -> dict[str, str]:
    """What comes before the tags of each folder: nothing, or a path that ends in a slash.

    The folders' common ancestor is dropped. Below it, a name made of the time is dropped too, and that of
    `add_hparams` becomes `hparams`, as long as the folders are still told apart.

    Args:
        folders: those that hold scalars, relative to the run's own ("" is that one), with `/` between names.

    >>> prefixes(["runs/Oct02_12-30-00_host"])
    {'runs/Oct02_12-30-00_host': ''}
    >>> prefixes(["logs/train", "logs/validation"])
    {'logs/train': 'train/', 'logs/validation': 'validation/'}
    """
    paths = {folder: folder.split("/") if folder else [] for folder in sorted(set(folders))}
    common = len(list(takewhile(lambda parts: len(set(parts)) == 1, zip(*paths.values(), strict=False))))
    rest = {folder: parts[common:] for folder, parts in paths.items()}
    plain = {folder: _joined(parts) for folder, parts in rest.items()}
    short = {folder: _joined(_lasting(parts)) for folder, parts in rest.items()}
    clashing = _clashing(short, plain)
    return {folder: plain[folder] if folder in clashing else short[folder] for folder in paths}


def clean_tag(tag: str) -> str:
    """A tag that both databases store: no NUL, no lone surrogates."""
    return tag.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _joined(parts: Iterable[str]) -> str:
    return "".join(f"{part}/" for part in parts)


def _lasting(parts: list[str]) -> list[str]:
    """The names without those that are other ones in every run."""
    kept = ["hparams" if _HPARAMS_WRITER.fullmatch(part) else part for part in parts]
    return [part for part in kept if not _DEFAULT_WRITER.fullmatch(part)]


def _clashing(short: dict[str, str], plain: dict[str, str]) -> set[str]:
    """The folders that have to keep their plain names."""
    clashing: set[str] = set()
    while True:
        users: dict[str, list[str]] = defaultdict(list)
        for folder in short:
            users[plain[folder] if folder in clashing else short[folder]].append(folder)
        more = {folder for names in users.values() if len(names) > 1 for folder in names} - clashing
        if not more:
            return clashing
        clashing |= more
