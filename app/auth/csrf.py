"""Refusing requests that another site's page made with this browser's cookie.

No tokens in forms: a browser says where a request comes from (Origin, Referer, Sec-Fetch-Site), and pages
cannot forge that. Ports do not isolate cookies, so another port of the same host is another origin here.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from app.config import Settings
from app.errors import Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str | None:
    """`scheme://host[:port]` of a URL in lower case without the default port; None when it has none.

    >>> origin_of("HTTPS://Danlu.example:443/runs/1"), origin_of("null")
    ('https://danlu.example', None)
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port is None or port == DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def own_origins(request: Request) -> set[str]:
    """The origins that our own pages have: the public one, and the (already allowed) host of this request."""
    settings: Settings = request.app.state.settings
    own = {origin_of(f"{request.url.scheme}://{request.headers.get('host', '')}")}
    if settings.public_url:
        own.add(origin_of(settings.public_url))
    return {origin for origin in own if origin}


def check(request: Request, *, ambient: bool) -> None:
    """Refuse an unsafe request that did not come from one of our own pages.

    Args:
        ambient: the browser added the credential by itself (a cookie), so saying nothing about the source
            is not enough. Without such a credential a client that sends none of the three headers (curl,
            the CLI) passes; a browser always sends at least one.

    Raises:
        Forbidden: 403, with the remedy.
    """
    if request.method in SAFE_METHODS:
        return
    stated = request.headers.getlist("origin") or request.headers.getlist("referer")
    if stated:
        origins = {origin_of(value) for value in stated}
        if origins <= own_origins(request):
            return
    else:
        site = request.headers.get("sec-fetch-site")
        if site == "same-origin" or (site is None and not ambient):
            return
    raise Forbidden(
        "This request did not come from a page of this server (Origin). "
        "Behind a proxy, set DANLU_PUBLIC_URL to the address that browsers use; scripts send a bearer token."
    )
