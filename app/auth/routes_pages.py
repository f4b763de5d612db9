"""Pages that one sees before being somebody: set-up, invitation, login, logout."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth import accounts, sessions, setup, store
from app.auth.deps import public
from app.auth.redirects import local_path
from app.auth.throttle import Throttle, client_address
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.deps import DbDep, SettingsDep
from app.errors import AppError, Invalid, TooMany
from app.models import User
from app.web import flash, page

router = APIRouter(include_in_schema=False, dependencies=[Depends(public())])
Text = Annotated[str, Form()]
KEY_COOKIE_SECONDS = 3600


@router.get("/setup")
def setup_form(request: Request, db: DbDep, settings: SettingsDep, key: str | None = None) -> Response:
    """The form that makes the first administrator; 403 without the link's token, 404 once it is done."""
    if key is not None:
        setup.check_token(settings, db, key, utcnow())
        return _keep_key(settings, "/setup", "danlu_setup", key)
    token = _kept_key(request, settings, "danlu_setup")
    setup.check_token(settings, db, token, utcnow())
    return page(request, "auth/setup.html", key=token, username="", errors={})


@router.post("/setup")
def set_up(
    request: Request,
    db: DbDep,
    settings: SettingsDep,
    username: Text = "",
    password: Text = "",
    repeat: Annotated[str | None, Form()] = None,
    key: Text = "",
) -> Response:
    """Make the first administrator and log them in."""
    token = key or _kept_key(request, settings, "danlu_setup")
    try:
        _same(password, repeat)
        user = setup.create_first_admin(
            settings, db, token=token, username=username, password=password, now=utcnow()
        )
    except Invalid as error:
        setup.check_token(settings, db, token, utcnow())
        errors = error.fields or {}
        return page(request, "auth/setup.html", 422, key=token, username=username[:100], errors=errors)
    response = _logged_in(request, db, settings, user, "/")
    sessions.clear_cookie(response, settings, "danlu_setup")
    flash(request, response, f"Welcome, {user.username}. You are the administrator.")
    return response


@router.get("/welcome")
def welcome_form(request: Request, db: DbDep, settings: SettingsDep, key: str | None = None) -> Response:
    """Where an invitation's one-time link leads: choose a password."""
    if key is not None:
        accounts.invited(db, key, utcnow())
        return _keep_key(settings, "/welcome", "danlu_invite", key)
    secret = _kept_key(request, settings, "danlu_invite")
    user = accounts.invited(db, secret, utcnow())
    return page(request, "auth/welcome.html", key=secret, username=user.username, errors={})


@router.post("/welcome")
def welcome(
    request: Request,
    db: DbDep,
    settings: SettingsDep,
    password: Text = "",
    repeat: Annotated[str | None, Form()] = None,
    key: Text = "",
) -> Response:
    """Set the password and log in; the link ends."""
    secret = key or _kept_key(request, settings, "danlu_invite")
    invited = accounts.invited(db, secret, utcnow())
    try:
        _same(password, repeat)
        user = accounts.accept(db, secret, password, utcnow())
    except Invalid as error:
        errors = error.fields or {}
        return page(request, "auth/welcome.html", 422, key=secret, username=invited.username, errors=errors)
    response = _logged_in(request, db, settings, user, "/")
    sessions.clear_cookie(response, settings, "danlu_invite")
    return response


@router.get("/login")
def login_form(request: Request, db: DbDep, settings: SettingsDep) -> Response:
    """The login; who is logged in already goes on to where they wanted to be."""
    target = local_path(request.query_params.get("next"))
    if request.state.principal is not None:
        return RedirectResponse(target, status_code=303)
    return _login_page(request, db, settings, 200, target=target)


@router.post("/login")
def log_in(
    request: Request,
    db: DbDep,
    settings: SettingsDep,
    username: Text = "",
    password: Text = "",
    next_path: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Log in and go to `next`, which stays on this server."""
    throttle: Throttle = request.app.state.throttle
    address = client_address(request, settings.trusted_proxies)
    target = local_path(next_path)
    try:
        user = accounts.log_in(db, throttle, username=username, password=password, address=address)
    except AppError as error:
        response = _login_page(
            request, db, settings, error.status, target=target, username=username[:100], error=error.detail
        )
        if isinstance(error, TooMany):
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    return _logged_in(request, db, settings, user, target)


@router.post("/logout")
def log_out(request: Request, db: DbDep, settings: SettingsDep) -> Response:
    """End the login on the server, not only in the browser."""
    session_id = request.cookies.get(sessions.cookie_name(settings))
    if session_id is not None:
        with db.write() as session:
            store.end_session(session, sessions.digest(session_id))
    response = RedirectResponse("/login", status_code=303)
    sessions.clear_cookie(response, settings)
    return response


def _login_page(
    request: Request,
    db: Database,
    settings: Settings,
    status: int,
    *,
    target: str,
    username: str = "",
    error: str | None = None,
) -> Response:
    return page(
        request,
        "auth/login.html",
        status,
        target=target,
        username=username,
        error=error,
        setup_open=setup.is_open(db),
        setup_file=setup.setup_file(settings).name,
    )


def _logged_in(request: Request, db: Database, settings: Settings, user: User, target: str) -> Response:
    with db.write() as session:
        session_id = sessions.start(
            session,
            settings,
            user.id,
            utcnow(),
            user_agent=request.headers.get("user-agent", ""),
            old=request.cookies.get(sessions.cookie_name(settings)),
        )
    response = RedirectResponse(target, status_code=303)
    sessions.log_in(response, settings, session_id)
    return response


def _keep_key(settings: Settings, path: str, name: str, key: str) -> Response:
    """Move a link's secret out of the address, where histories and Referer headers would keep it."""
    response = RedirectResponse(path, status_code=303, headers={"Referrer-Policy": "no-referrer"})
    sessions.set_cookie(response, settings, name, key, KEY_COOKIE_SECONDS)
    return response


def _kept_key(request: Request, settings: Settings, name: str) -> str:
    return request.cookies.get(sessions.cookie_name(settings, name), "")


def _same(password: str, repeat: str | None) -> None:
    # A script that posts the form without the second field has nothing to mistype.
    if repeat is not None and repeat != password:
        raise Invalid("The passwords differ.", fields={"repeat": "This is not the same password."})
