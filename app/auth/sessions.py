"""Logins in browsers: a random id in a cookie, its hash in the database, ended on the server."""

import hashlib
import secrets
from datetime import datetime, timedelta

from starlette.responses import Response

from app.auth import store
from app.auth.principal import Principal, scopes_of
from app.auth.tokens import Touch
from app.config import Settings
from app.db import Database, WriteSession
from app.models import LoginSession, User

TOUCH_SECONDS = 60


def secure(settings: Settings) -> bool:
    """Whether browsers reach us by https, so that cookies may be bound to it."""
    return bool(settings.public_url and settings.public_url.startswith("https://"))


def cookie_name(settings: Settings, name: str = "danlu_session") -> str:
    """`__Host-` makes browsers refuse the cookie from a sub-domain, over http or with a path."""
    return f"__Host-{name}" if secure(settings) else name


def set_cookie(response: Response, settings: Settings, name: str, value: str, max_age_seconds: int) -> None:
    """A cookie that scripts cannot read and other sites' posts do not carry."""
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=max_age_seconds,
        path="/",
        secure=secure(settings),
        httponly=True,
        samesite="lax",
    )


def clear_cookie(response: Response, settings: Settings, name: str = "danlu_session") -> None:
    """Make the browser forget a cookie."""
    response.delete_cookie(
        cookie_name(settings, name), path="/", secure=secure(settings), httponly=True, samesite="lax"
    )


def digest(session_id: str) -> str:
    """What the database keeps of a session id."""
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()


def start(
    session: WriteSession,
    settings: Settings,
    user_id: int,
    now: datetime,
    *,
    user_agent: str,
    old: str | None,
) -> str:
    """Log a user in and give the new session's id (256 bits).

    Args:
        old: the session id that the browser came with; it ends, so that an id that somebody planted or saw
            before the login is worth nothing after it.
    """
    if old is not None:
        store.end_session(session, digest(old))
    store.forget_dead_sessions(session, now, now - timedelta(days=settings.session_idle_days))
    session_id = secrets.token_urlsafe(32)
    row = LoginSession(
        id_hash=digest(session_id),
        user_id=user_id,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(days=settings.session_max_days),
        user_agent="".join(char for char in user_agent if char.isprintable())[:300],
    )
    store.add(session, row)
    return session_id


def log_in(response: Response, settings: Settings, session_id: str) -> None:
    """Hand the session's id to the browser."""
    set_cookie(response, settings, "danlu_session", session_id, settings.session_max_days * 86400)


def authenticate(
    db: Database, settings: Settings, session_id: str, now: datetime, touch: Touch
) -> Principal | None:
    """The user behind a session cookie; None when it is unknown, expired, idle for too long or disabled."""
    return by_hash(db, settings, digest(session_id), now, touch)


def by_hash(
    db: Database, settings: Settings, id_hash: str, now: datetime, touch: Touch | None = None
) -> Principal | None:
    """As `authenticate`, from the hashed id; noted as used only when `touch` is given."""
    with db.read() as session:
        found = store.session_and_user(session, id_hash)
    if found is None:
        return None
    login, user = found
    idle_since = now - timedelta(days=settings.session_idle_days)
    if login.expires_at <= now or login.last_seen_at <= idle_since or user.disabled_at is not None:
        return None
    if touch is not None and (now - login.last_seen_at).total_seconds() > TOUCH_SECONDS:
        touch("session", id_hash, now)
    return principal_of(user, f"session:{id_hash}")


def principal_of(user: User, credential: str) -> Principal:
    """What a logged-in user may do."""
    return Principal(
        user_id=user.id,
        name=user.username,
        scopes=scopes_of(user.role),
        via="session",
        key=f"user:{user.id}",
        credential=credential,
        submit_code=user.role == "admin" or user.submit_code,
    )
