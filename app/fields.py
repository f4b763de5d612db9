"""Field types that several request bodies share: strict, bounded, and safe for both databases."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_NAME = 200
"""Characters of an experiment's or a run's name."""
MAX_ID = 2**63 - 1
"""The largest id that both databases can hold."""

_BIDI_AND_BOM = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


class Body(BaseModel):
    """A JSON body: unknown fields are refused, and no value is converted from another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def storable(text: str) -> str:
    """Text that both databases can store: no NUL and no half of a surrogate pair.

    Raises:
        ValueError: with the character's place.
    """
    for place, char in enumerate(text):
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise ValueError(f"has a character that cannot be stored (U+{ord(char):04X} at position {place})")
    return text


def one_line(text: str) -> str:
    """Text for a label: storable, no control characters, no line breaks, no direction overrides.

    Raises:
        ValueError: with the character's place.
    """
    storable(text)
    for place, char in enumerate(text):
        if char in _BIDI_AND_BOM or unicodedata.category(char) in {"Cc", "Zl", "Zp"}:
            raise ValueError(
                f"has an invisible character (U+{ord(char):04X} at position {place}); use one line of plain text"
            )
    return text


def _name(text: str) -> str:
    """A label with the spaces around it removed, which must leave something."""
    text = one_line(text).strip()
    if not text:
        raise ValueError("must not be empty")
    return text


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_name)]
"""A name of 1 to 200 characters on one line."""
Prose = Annotated[str, Field(max_length=20_000), AfterValidator(storable)]
"""Free text of several lines, up to 20,000 characters."""
Text = Annotated[str, Field(max_length=500), AfterValidator(storable)]
"""A word to look for, as it stands in a query string."""
