"""Authorization, by dependency and by nothing else: every route carries one of these.

`require(scope)` for the API, `require_page(scope)` for pages (sends a browser to the login),
`public()` for what anyone may call. A test walks the route table and fails on a route without one.
Never decide by `request.url.path`: what a router matched and what a string says can differ.
"""

from collections.abc import Callable
from functools import cache
from urllib.parse import quote, urlsplit

from starlette.requests import HTTPConnection, Request

from app.auth import csrf, sessions, tokens
from app.auth.principal import LOCAL, SCOPES, Principal, Scope
from app.auth.redirects import local_path
from app.auth.touch import Touches
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.errors import Forbidden, Unauthenticated

__all__ = ["LOCAL", "SCOPES", "Principal", "Scope", "public", "require", "require_page", "still_valid"]

MARKER = "__danlu_auth__"
QUERY_SECRETS = frozenset({"token", "access_token"})
Guard = Callable[[Request], Principal]


class LoginRedirect(Unauthenticated):
    """A page was asked for without a login: the browser is sent to `location`."""

    def __init__(self, location: str) -> None:
        super().__init__("Log in first.")
        self.location = location


@cache
def require(scope: Scope) -> Guard:
    """The dependency for an API route that needs `scope`; gives the `Principal`.

    Raises (in the request): Unauthenticated 401, Forbidden 403 (too little scope, or a cookie request from
    another origin).
    """

    def guard(request: Request) -> Principal:
        principal = authenticate(request)
        if principal is None:
            raise Unauthenticated("Send a token in the Authorization header, or log in.")
        return _checked(request, principal, scope)

    setattr(guard, MARKER, scope)
    return guard


@cache
def require_page(scope: Scope) -> Guard:
    """As `require`, for pages: a browser without a login is sent to `/login?next=…` instead of a 401."""

    def guard(request: Request) -> Principal:
        principal = authenticate(request)
        if principal is None:
            raise _to_login(request)
        return _checked(request, principal, scope)

    setattr(guard, MARKER, f"page:{scope}")
    return guard


@cache
def public() -> Callable[[Request], Principal | None]:
    """Marks a route that anyone may call; gives the principal when there is one.

    The unsafe methods of such a route are still refused to other origins (login CSRF).
    """

    def guard(request: Request) -> Principal | None:
        settings: Settings = request.app.state.settings
        csrf.check(request, ambient=sessions.cookie_name(settings) in request.cookies)
        return authenticate(request)

    setattr(guard, MARKER, "public")
    return guard


def authenticate(request: Request) -> Principal | None:
    """Who is calling, or None. Remembered on the request, so that several guards cost one look-up.

    A bearer token wins over a cookie: a request that carries one stands or falls by it.

    Raises:
        Unauthenticated: a bearer token was sent and is not good.
    """
    if hasattr(request.state, "principal"):
        known: Principal | None = request.state.principal
        return known
    principal = _identify(request)
    request.state.principal = principal
    return principal


def _identify(request: Request) -> Principal | None:
    db: Database = request.app.state.db
    settings: Settings = request.app.state.settings
    touch: Touches = request.app.state.touches
    if not QUERY_SECRETS.isdisjoint(request.query_params):
        # A secret in a URL ends in access logs, histories and Referer headers; accepting it even once
        # would teach people to put it there.
        raise Unauthenticated("Tokens are taken from the Authorization header only, never from the URL.")
    header = request.headers.get("authorization")
    if header is not None:
        return tokens.authenticate(db, header, utcnow(), touch)
    if settings.auth == "none":
        return LOCAL
    cookie = request.cookies.get(sessions.cookie_name(settings))
    if cookie is None:
        return None
    return sessions.authenticate(db, settings, cookie, utcnow(), touch)


def _checked(request: Request, principal: Principal, scope: Scope) -> Principal:
    if principal.via != "token":
        csrf.check(request, ambient=principal.via == "session")
    if scope not in principal.scopes:
        raise Forbidden(f"This needs the {scope} right; you have {', '.join(sorted(principal.scopes))}.")
    return principal


def require_code(principal: Principal) -> None:
    """Refuses who may not have code of their own executed.

    Raises:
        Forbidden: a member without the submit-code right.
    """
    if not principal.submit_code:
        raise Forbidden("Submitting code needs the submit-code right: ask an administrator.")


def still_valid(connection: HTTPConnection, principal: Principal) -> bool:
    """Whether the credential that opened a stream still holds; streams ask every few seconds.

    Touches nothing but one row by its key. False after a logout, a revocation, an expiry, a disabled user
    or a change of role that took a scope away.
    """
    db: Database = connection.app.state.db
    settings: Settings = connection.app.state.settings
    kind, _, ident = principal.credential.partition(":")
    now = utcnow()
    if kind == "session":
        current = sessions.by_hash(db, settings, ident, now)
    elif kind == "token":
        current = tokens.by_id(db, int(ident), now)
    else:
        current = LOCAL if settings.auth == "none" else None
    return current is not None and principal.scopes <= current.scopes


def _to_login(request: Request) -> Unauthenticated:
    """Only a browser that navigates is redirected; fetches, images and streams get their 401."""
    if request.headers.get("hx-request"):
        return LoginRedirect(f"/login?next={quote(_page_behind(request), safe='/')}")
    navigates = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
    if not navigates:
        return Unauthenticated("Log in first.")
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return LoginRedirect(f"/login?next={quote(target, safe='/')}")


def _page_behind(request: Request) -> str:
    """The path of the page that an htmx request was made from."""
    try:
        page = urlsplit(request.headers.get("hx-current-url", ""))
    except ValueError:  # no browser of ours wrote that
        return "/"
    return local_path(page.path + (f"?{page.query}" if page.query else ""))
