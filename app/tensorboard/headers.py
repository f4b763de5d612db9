"""What may cross between a browser and TensorBoard: paths, headers, redirects. Pure functions."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urljoin, urlsplit

Raw = tuple[bytes, bytes]

HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"trailers", b"transfer-encoding", b"upgrade", b"http2-settings",
})  # fmt: skip
# Credentials, and what names this server to somebody who need not know it.
OURS = frozenset({
    b"authorization", b"cookie", b"cookie2", b"origin", b"referer", b"forwarded", b"via", b"x-real-ip", b"host",
    b"content-length", b"expect", b"x-csrf-token", b"x-csrftoken", b"x-xsrf-token", b"hx-current-url",
    b"last-event-id",
})  # fmt: skip
# A child of ours may not log anybody in or out, open itself to other origins, or say what it runs on; caching
# and the content policy are decided here.
THEIRS = frozenset({
    b"set-cookie", b"set-cookie2", b"server", b"date", b"cache-control", b"expires", b"pragma", b"vary",
    b"location", b"content-location", b"content-security-policy", b"content-security-policy-report-only",
    b"x-frame-options", b"x-content-type-options", b"strict-transport-security", b"clear-site-data", b"alt-svc",
    b"refresh", b"www-authenticate", b"service-worker-allowed", b"via", b"x-powered-by",
})  # fmt: skip
PRIVATE = b"private, no-store"
# For answers that bring no policy of their own. TensorBoard's scripts need eval, its styles are inline.
POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
# An image that a run has logged may be an SVG with a script in it.
IMAGE_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"
ANCESTORS = b"; frame-ancestors 'self'"
_GSTATIC = re.compile(rb"\s*https://www\.gstatic\.com/?")


def is_safe(path: str) -> bool:
    """Whether a path (as sent, percent-encoded) stays below its start however often it is decoded."""
    for _ in range(4):
        if any(char in path for char in "\\\0\r\n"):
            return False
        if any(segment.split(";", 1)[0] in {"..", "."} for segment in path.split("/")):
            return False
        decoded = unquote(path)
        if decoded == path:
            return True
        path = decoded
    return False


def for_upstream(headers: Iterable[Raw]) -> list[Raw]:
    """The request's headers without hop-by-hop ones, those that `Connection` names, credentials and our own."""
    given = list(headers)
    dropped = HOP_BY_HOP | OURS | _nominated(given)
    return [
        (name, value)
        for name, value in given
        if name.lower() not in dropped and not name.lower().startswith((b"x-forwarded-", b"proxy-"))
    ]


def for_browser(headers: Iterable[Raw], *, prefix: str, upstream: str) -> list[Raw]:
    """The answer's headers: stripped in the same way, with our caching and framing rules.

    Args:
        headers: TensorBoard's.
        prefix: below which this TensorBoard answers.
        upstream: the URL that was asked, to resolve redirects against.
    """
    given = list(headers)
    dropped = HOP_BY_HOP | THEIRS | _nominated(given)
    kept = [
        (name, value)
        for name, value in given
        if name.lower() not in dropped and not name.lower().startswith((b"access-control-", b"cross-origin-"))
    ]
    first = {name.lower(): value for name, value in reversed(given)}
    if b"location" in first:
        location = inside(first[b"location"].decode("latin-1"), prefix=prefix, upstream=upstream)
        kept.append((b"location", location.encode("latin-1", "replace")))
    kept.extend((
        (b"cache-control", _caching(first)),
        (b"vary", b"Accept-Encoding, Cookie, Authorization"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", policy(first)),
    ))  # fmt: skip
    return kept


def inside(location: str, *, prefix: str, upstream: str) -> str:
    """Where a redirect leads, kept below the prefix: a path, never a host."""
    target = urlsplit(urljoin(upstream, location))
    path = target.path
    if target.netloc != urlsplit(upstream).netloc or not is_safe(path) or path.startswith("//"):
        return prefix + "/"
    if path != prefix and not path.startswith(prefix + "/"):
        path = prefix + "/" + path.lstrip("/")
    return path + (f"?{target.query}" if target.query else "")


def policy(first: dict[bytes, bytes]) -> bytes:
    """Content-Security-Policy: TensorBoard's own where it sends one (with the hashes of its scripts), and framing."""
    if first.get(b"content-type", b"").startswith(b"image/"):
        return IMAGE_POLICY + ANCESTORS
    own = _GSTATIC.sub(b"", first.get(b"content-security-policy", b"")).rstrip(b"; ")
    return (own or POLICY) + ANCESTORS


def _caching(first: dict[bytes, bytes]) -> bytes:
    # TensorBoard lets its scripts, whose URLs carry a hash, be kept for a day; everything else is data.
    said = first.get(b"cache-control", b"")
    cacheable = said.startswith(b"private, max-age=") and b"javascript" in first.get(b"content-type", b"")
    return said if cacheable else PRIVATE


def _nominated(headers: Iterable[Raw]) -> frozenset[bytes]:
    values = [value for name, value in headers if name.lower() == b"connection"]
    return frozenset(
        token.strip().lower() for value in values for token in value.split(b",") if token.strip()
    )
