"""Slugs: the part of a name that may be in a path and a URL. Pure functions."""

import re
import unicodedata
from collections.abc import Callable
from zlib import crc32

MAX_SLUG = 64
"""Characters; the column holds 80, so there is room for a counter."""

# Names that Windows refuses as a folder, and the word that a page may use where a slug would stand.
RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "new"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)
_OTHER = re.compile(r"[^a-z0-9]+")


def slugify(name: str, fallback: str = "experiment") -> str:
    """A lower-case ASCII slug of a name: letters, digits and single hyphens, 1 to 64 characters.

    A name without any ASCII letter or digit keeps its identity through a checksum: the same name gives the
    same slug, different names nearly always different ones. Names that differ only in case share a slug.

    >>> slugify("Rings, ñandú & Co.")
    'rings-nandu-co'
    >>> slugify("丹炉")
    'experiment-4da6bd9a'
    >>> slugify("..")
    'experiment-9608161c'
    """
    folded = name.casefold()
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode().lower()
    slug = _OTHER.sub("-", plain).strip("-")[:MAX_SLUG].strip("-")
    if not slug:
        return f"{fallback}-{crc32(folded.encode('utf-8', 'surrogatepass')):08x}"
    return f"{slug}-{fallback}" if slug in RESERVED else slug


def unique_slug(slug: str, taken: Callable[[str], bool]) -> str:
    """The slug itself, or with the first free counter behind it (`rings-2`)."""
    if not taken(slug):
        return slug
    counter = 2
    while taken(f"{slug}-{counter}"):
        counter += 1
    return f"{slug}-{counter}"
