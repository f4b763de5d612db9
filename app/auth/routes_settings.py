"""The settings pages: one's password, logins and tokens; for administrators the users."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.auth import accounts, sessions, store
from app.auth.deps import Principal, require_page
from app.auth.principal import SCOPES, Scope
from app.auth.routes_api import make_token, revoke_token, visible_tokens
from app.auth.throttle import client_address
from app.clock import rfc3339, utcnow
from app.config import Settings
from app.db import Database
from app.deps import DbDep, SettingsDep
from app.environments.store import all_environments
from app.errors import Forbidden, Invalid
from app.fields import MAX_ID, Name
from app.web import flash, page, redirect

router = APIRouter(prefix="/settings", include_in_schema=False)
Reader = Annotated[Principal, Depends(require_page("read"))]
Admin = Annotated[Principal, Depends(require_page("admin"))]
Text = Annotated[str, Form()]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
LIFETIMES = {"30": 30, "90": 90, "365": 365, "never": None}
"""Choices of the form, in days."""
_name: TypeAdapter[str] = TypeAdapter(Name)


@router.get("")
def settings_page(request: Request, principal: Reader, db: DbDep) -> Response:
    """Everything on one page."""
    return show_settings(request, db, principal)


@router.post("/password")
def change_password(
    request: Request,
    principal: Reader,
    db: DbDep,
    settings: SettingsDep,
    current: Text = "",
    new: Text = "",
    repeat: Text = "",
) -> Response:
    """Change one's password: every other browser is logged out, this one gets a new session."""
    user_id = _own_user(principal)
    if new != repeat:
        return show_settings(request, db, principal, 422, errors={"repeat": "This is not the same password."})
    try:
        address = client_address(request, settings.trusted_proxies)
        throttle = request.app.state.throttle
        accounts.change_password(db, throttle, user_id, current=current, new=new, address=address)
    except Invalid as error:
        return show_settings(request, db, principal, 422, errors=error.fields or {})
    response = redirect(request, "/settings")
    with db.write() as session:
        agent = request.headers.get("user-agent", "")
        session_id = sessions.start(session, settings, user_id, utcnow(), user_agent=agent, old=None)
    sessions.log_in(response, settings, session_id)
    flash(request, response, "The password was changed. All other browsers are logged out.")
    return response


@router.post("/logins/end")
def end_other_logins(request: Request, principal: Reader, db: DbDep, settings: SettingsDep) -> Response:
    """Log out everywhere but here."""
    user_id = _own_user(principal)
    with db.write() as session:
        store.end_sessions(session, user_id)
        agent = request.headers.get("user-agent", "")
        session_id = sessions.start(session, settings, user_id, utcnow(), user_agent=agent, old=None)
    response = redirect(request, "/settings")
    sessions.log_in(response, settings, session_id)
    flash(request, response, "All other browsers are logged out.")
    return response


@router.post("/tokens")
def create_token(
    request: Request,
    principal: Reader,
    db: DbDep,
    name: Text = "",
    scope: Text = "read",
    lifetime: Text = "90",
) -> Response:
    """Make a token; the page that answers shows it, and no other page ever does."""
    if scope not in SCOPES or lifetime not in LIFETIMES:
        return show_settings(request, db, principal, 422, errors={"scope": "Choose from the list."})
    wanted: Scope = "admin" if scope == "admin" else "submit" if scope == "submit" else "read"
    try:
        made = make_token(db, principal, name=_checked_name(name), scope=wanted, days=LIFETIMES[lifetime])
    except Invalid as error:
        return show_settings(
            request, db, principal, 422, errors=error.fields or {}, form={"name": name[:200]}
        )
    return show_settings(request, db, principal, 201, new_token=made.secret)


@router.post("/tokens/{token_id}/revoke")
def end_token(request: Request, token_id: Id, principal: Reader, db: DbDep) -> Response:
    """Revoke a token."""
    revoke_token(db, principal, token_id)
    response = redirect(request, "/settings")
    flash(request, response, "The token is revoked.")
    return response


@router.post("/users")
def invite_user(
    request: Request,
    principal: Admin,
    db: DbDep,
    settings: SettingsDep,
    username: Text = "",
    role: Text = "member",
    submit_code: Annotated[bool, Form()] = False,
) -> Response:
    """Make a user and show the one-time link with which they choose their password."""
    try:
        made = accounts.invite(db, username=username, role=role, submit_code=submit_code, now=utcnow())
    except Invalid as error:
        return show_settings(
            request, db, principal, 422, errors=error.fields or {}, form={"username": username[:100]}
        )
    return _with_link(request, db, settings, principal, made)


@router.post("/users/{user_id}/link")
def new_link(request: Request, user_id: Id, principal: Admin, db: DbDep, settings: SettingsDep) -> Response:
    """Another one-time link, for a first or a lost password."""
    return _with_link(request, db, settings, principal, accounts.reinvite(db, user_id, utcnow()))


@router.post("/users/{user_id}/rights")
def change_rights(
    request: Request,
    user_id: Id,
    principal: Admin,
    db: DbDep,
    role: Annotated[str | None, Form()] = None,
    submit_code: Annotated[bool, Form()] = False,
) -> Response:
    """Change somebody's role and whether they may submit code."""
    if role not in (None, "admin", "member"):
        raise Invalid("There is no such role.", fields={"role": "admin or member."})
    accounts.change_user(db, user_id, role=role, submit_code=submit_code, by=principal.user_id)
    response = redirect(request, "/settings#users")
    flash(request, response, "The rights were changed.")
    return response


@router.post("/users/{user_id}/disable")
def disable_user(request: Request, user_id: Id, principal: Admin, db: DbDep) -> Response:
    """Shut somebody out, at once and everywhere."""
    return _set_disabled(request, db, principal, user_id, disabled=True)


@router.post("/users/{user_id}/enable")
def enable_user(request: Request, user_id: Id, principal: Admin, db: DbDep) -> Response:
    """Let somebody in again."""
    return _set_disabled(request, db, principal, user_id, disabled=False)


def _set_disabled(
    request: Request, db: Database, principal: Principal, user_id: int, *, disabled: bool
) -> Response:
    accounts.set_disabled(db, user_id, disabled=disabled, by=principal.user_id, now=utcnow())
    response = redirect(request, "/settings#users")
    flash(request, response, "The user is shut out." if disabled else "The user may log in again.")
    return response


def show_settings(
    request: Request, db: Database, principal: Principal, status: int = 200, **given: Any
) -> Response:
    """The page; `given` are the errors and the values of a form that could not be taken, or what is shown once."""
    rows = visible_tokens(db, principal, before=None, limit=500)
    with db.read() as session:
        users = store.all_users(session) if principal.is_admin else []
        environments = all_environments(session)
        logins = store.sessions_of(session, principal.user_id) if principal.user_id is not None else []
    context: dict[str, Any] = {
        "nav": "settings",
        "tokens": [(row, owner) for row, owner in rows if row.revoked_at is None],
        "users": users,
        "environments": environments,
        "logins": logins,
        "now": utcnow(),
        "rfc3339": rfc3339,
        "grantable": [scope for scope in SCOPES if SCOPES[scope] <= principal.scopes],
        "lifetimes": list(LIFETIMES),
        "current_login": principal.credential.partition(":")[2],
        "errors": {},
        "form": {},
        "new_token": None,
        "new_link": None,
        "new_link_for": None,
    }
    return page(request, "settings/index.html", status, **(context | given))


def _with_link(
    request: Request, db: Database, settings: Settings, principal: Principal, made: accounts.Invitation
) -> Response:
    link = f"{_base_url(request, settings)}/welcome?key={made.secret}"
    return show_settings(request, db, principal, 201, new_link=link, new_link_for=made.user.username)


def _base_url(request: Request, settings: Settings) -> str:
    # Without a public URL, the address that the administrator uses (its host was checked on the way in).
    return settings.public_url or f"{request.url.scheme}://{request.headers['host']}"


def _own_user(principal: Principal) -> int:
    if principal.user_id is None or principal.via != "session":
        raise Forbidden("Log in with your password for this.")
    return principal.user_id


def _checked_name(name: str) -> str:
    try:
        return _name.validate_python(name)
    except ValidationError as error:
        message = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise Invalid(
            "The name cannot be used.", fields={"name": message[:1].upper() + message[1:]}
        ) from error
