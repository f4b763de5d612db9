"""How the data server's runs (one per folder) and their tags are called as curves of our runs."""

from collections.abc import Iterable, Mapping, Sequence

from danlu.tagnames import prefixes

Names = Mapping[str, Mapping[str, str]]
"""Run slug → name of the data server's run → what comes before its tags."""


def names(folders: Mapping[str, Sequence[str]], holding: Iterable[str]) -> Names:
    """Name the curves of several runs.

    Args:
        folders: run slug → the data server's names of the folders at or below its own that hold event files.
        holding: those of the folders that hold scalars; what belongs to others has no say in the names.
    """
    held = set(holding)
    found = {}
    for slug, members in folders.items():
        relative = {name[len(slug) + 1 :]: name for name in members if name in held}
        found[slug] = {relative[folder]: prefix for folder, prefix in prefixes(relative.keys()).items()}
    return found


def own_tags(tags: Iterable[str], named: Names) -> list[str]:
    """The tags as the event files call them: without what we put before them."""
    before = {prefix for members in named.values() for prefix in members.values()}
    return sorted({tag.removeprefix(prefix) for tag in tags for prefix in before if tag.startswith(prefix)})
