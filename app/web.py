"""Pages: the Jinja environment, what every template gets, and what every server needs. Knows HTTP, not runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import metadata
from typing import Any, Literal
from urllib.parse import quote, unquote

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.assets import Assets, module_urls, static_url
from app.auth import deps, setup
from app.auth.sessions import clear_cookie, cookie_name, set_cookie
from app.auth.throttle import Throttle
from app.auth.touch import Touches
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.middleware import AllowedHosts, BodyLimit, SecurityHeaders, allowed_hosts
from app.paths import static_dir, templates_dir
from app.render_errors import install_error_handlers

FLASH = "danlu_flash"
Kind = Literal["info", "error"]


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates escape everything, and a name that nobody gave is an error instead of an empty place."""
    env = Environment(
        loader=FileSystemLoader(templates_dir()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(static_url=static_url, module_urls=module_urls, version=metadata.version("danlu"))
    return env


def page(request: Request, template: str, status: int = 200, **ctx: Any) -> HTMLResponse:
    """A whole page. The template gets, beside `ctx`: request, path, principal (or None), settings, flashes."""
    flashes = _flashes(request)
    response = partial(request, template, status, flashes=flashes, **ctx)
    if flashes:
        settings: Settings = request.app.state.settings
        clear_cookie(response, settings, FLASH)
    return response


def partial(request: Request, template: str, status: int = 200, **ctx: Any) -> HTMLResponse:
    """A piece of a page for htmx; as `page`, but waiting messages stay for the next whole page."""
    given: dict[str, Any] = {
        "request": request,
        "path": request.url.path,
        "principal": getattr(request.state, "principal", None),
        "settings": request.app.state.settings,
        "flashes": [],
        "nav": "",
    }
    body = environment().get_template(template).render(given | ctx)
    return HTMLResponse(body, status_code=status, headers={"Vary": "HX-Request, Cookie"})


def redirect(request: Request, path: str) -> Response:
    """Go to another page of ours: for htmx by its header, for a browser after a POST by a 303."""
    if request.headers.get("hx-request"):
        return hx_redirect(path)
    return RedirectResponse(path, status_code=303)


def hx_redirect(path: str) -> Response:
    """Tell htmx to load another page (it would swap the target of a 303 into the old one)."""
    return Response(status_code=204, headers={"HX-Redirect": path})


def flash(request: Request, response: Response, text: str, kind: Kind = "info") -> None:
    """Leave a message for the next page that this browser loads."""
    settings: Settings = request.app.state.settings
    set_cookie(response, settings, FLASH, quote(json.dumps([kind, text[:300]])), 60)


def _flashes(request: Request) -> list[dict[str, str]]:
    raw = request.cookies.get(cookie_name(request.app.state.settings, FLASH))
    if not raw:
        return []
    try:
        kind, text = json.loads(unquote(raw))
    except (ValueError, TypeError, RecursionError):  # not written by us; nothing is lost
        return []
    return [{"kind": "error" if kind == "error" else "info", "text": str(text)[:300]}]


def install(app: FastAPI, settings: Settings, body_limits: dict[str, tuple[int, str]] | None = None) -> None:
    """Give the app what every request passes: headers, Host check, body limit, errors, static files, logins.

    `app.state.settings` and `app.state.db` must be set.

    Args:
        body_limits: path → bytes and the setting's name, for calls that take more than `settings.body_limit_kib`.
    """
    from app.auth import routes_api, routes_pages, routes_settings

    database: Database = app.state.db
    app.state.touches = Touches(database)
    app.state.throttle = Throttle()
    install_error_handlers(app)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limit=settings.body_limit_kib * 1024, special=body_limits)
    app.add_middleware(AllowedHosts, hosts=allowed_hosts(settings))
    app.add_middleware(SecurityHeaders)
    static = Assets(directory=static_dir())
    setattr(static, deps.MARKER, "public")
    app.mount("/static", static, name="static")
    for router in (routes_api.router, routes_pages.router, routes_settings.router):
        app.include_router(router)


@contextmanager
def running(app: FastAPI) -> Iterator[None]:
    """Around the server's life (in the lifespan): a fresh setup link at the start, last notes at the end."""
    if app.state.settings.auth == "login":
        setup.rotate(app.state.settings, app.state.db, utcnow())
    try:
        yield
    finally:
        app.state.touches.close()
