"""Where a browser may be sent after the login: to a page of this server, and nowhere else."""

from urllib.parse import unquote

MAX_LENGTH = 2000


def local_path(wanted: str | None) -> str:
    r"""`wanted` when it is a path on this server, else `/`.

    Refused are other schemes and hosts in every spelling that a browser would follow: `//evil`, `/\evil`,
    `javascript:`, `/%2F%2Fevil`, a tab or newline inside (browsers drop those before they parse).

    >>> local_path("/runs/12?tab=log"), local_path("//evil"), local_path("javascript:alert(1)")
    ('/runs/12?tab=log', '/', '/')
    """
    if not wanted or len(wanted) > MAX_LENGTH or not wanted.startswith("/"):
        return "/"
    path, _, _ = wanted.partition("?")
    seen = path
    for _ in range(3):  # decoded once by us, once by a proxy, once by whoever comes after
        if seen.startswith(("//", "/\\")) or "\\" in seen:
            return "/"
        seen = unquote(seen)
    if any(ord(char) < 32 or ord(char) == 127 for char in wanted + seen):
        return "/"
    return wanted
