"""What a view keeps of an address. Pure."""

from urllib.parse import parse_qsl, quote, urlencode

from app.fields import one_line

MARK = "view"
"""The parameter that says which view an address began with; 0: none, although there is a default."""
_AS_IT_IS = "%=&+!$'()*,/:;?@~[]"
_PASSING = frozenset({MARK, "cursor", "tab"})


def cleaned(query: str) -> str:
    """A query string without the question mark, and without what is no part of a view; in ASCII.

    Raises:
        ValueError: an invisible character, or a text that is no query string.
    """
    one_line(query)
    query = query.strip().removeprefix("?")
    if "#" in query:
        raise ValueError("is no query string: a # begins a fragment; write %23")
    parts = [part for part in query.split("&") if part and part.partition("=")[0] not in _PASSING]
    return quote("&".join(parts), safe=_AS_IT_IS)


def parameters(query: str) -> dict[str, list[str]]:
    """The values of each parameter, in order."""
    found: dict[str, list[str]] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(key, []).append(value)
    return found


def page(experiment: str | None, query: str, view: int | None = None) -> str:
    """The path of the workbench that a query is of."""
    mark = urlencode({MARK: view}) if view is not None else ""
    joined = "&".join(part for part in (mark, query) if part)
    path = f"/experiments/{experiment}" if experiment else "/compare"
    return f"{path}?{joined}" if joined else path
