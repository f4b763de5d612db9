"""Every SQL statement about users, logins and tokens. Functions flush, they never commit."""

from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from app.models import ApiToken, LoginSession, User

_FIRST_ADMIN_LOCK = 0x64616E6C76  # any constant of our own; PostgreSQL's advisory locks are numbers


def count_users(session: Session) -> int:
    """How many users there are, disabled and invited ones too."""
    return session.scalar(select(func.count()).select_from(User)) or 0


def lock_user_creation(session: Session) -> None:
    """Make a "nobody there yet?" check hold until the end of the transaction.

    SQLite's writers are alone already (BEGIN IMMEDIATE); PostgreSQL takes an advisory lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FIRST_ADMIN_LOCK})


def user_by_name(session: Session, username: str) -> User | None:
    """The user of that name (lower case)."""
    return session.scalar(select(User).where(User.username == username))


def user_by_id(session: Session, user_id: int) -> User | None:
    """The user of that id."""
    return session.get(User, user_id)


def user_by_invite(session: Session, invite_hash: str, now: datetime) -> User | None:
    """Who an unexpired one-time link was made for; nobody once it was used or the user was disabled."""
    return session.scalar(
        select(User).where(
            User.invite_hash == invite_hash, User.invite_expires_at > now, User.disabled_at.is_(None)
        )
    )


def all_users(session: Session) -> list[User]:
    """Everybody, by name."""
    return list(session.scalars(select(User).order_by(User.username)))


def count_active_admins(session: Session) -> int:
    """Administrators who can log in; there must always be one."""
    query = select(func.count()).select_from(User)
    query = query.where(User.role == "admin", User.disabled_at.is_(None), User.password_hash.is_not(None))
    return session.scalar(query) or 0


def add(session: Session, row: User | LoginSession | ApiToken) -> None:
    """Insert a row and get its id."""
    session.add(row)
    session.flush()


def session_and_user(session: Session, id_hash: str) -> tuple[LoginSession, User] | None:
    """The login with that hashed id, and whose it is."""
    query = select(LoginSession, User).join(User, User.id == LoginSession.user_id)
    found = session.execute(query.where(LoginSession.id_hash == id_hash)).first()
    return None if found is None else (found[0], found[1])


def sessions_of(session: Session, user_id: int) -> list[LoginSession]:
    """The logins of a user, the latest first."""
    query = select(LoginSession).where(LoginSession.user_id == user_id)
    return list(session.scalars(query.order_by(LoginSession.last_seen_at.desc())))


def touch_session(session: Session, id_hash: str, now: datetime) -> None:
    """Note that a login was used."""
    session.execute(update(LoginSession).where(LoginSession.id_hash == id_hash).values(last_seen_at=now))


def end_session(session: Session, id_hash: str) -> None:
    """Log one browser out."""
    session.execute(delete(LoginSession).where(LoginSession.id_hash == id_hash))


def end_sessions(session: Session, user_id: int) -> None:
    """Log a user out everywhere."""
    session.execute(delete(LoginSession).where(LoginSession.user_id == user_id))


def forget_dead_sessions(session: Session, now: datetime, idle_since: datetime) -> None:
    """Remove logins that have expired or were not used since `idle_since`."""
    session.execute(
        delete(LoginSession).where(
            or_(LoginSession.expires_at <= now, LoginSession.last_seen_at <= idle_since)
        )
    )


def token_and_user(session: Session, token_hash: str) -> tuple[ApiToken, User | None] | None:
    """The token with that hash, and whose it is (nobody's when it was made on the machine itself)."""
    query = select(ApiToken, User).outerjoin(User, User.id == ApiToken.user_id)
    found = session.execute(query.where(ApiToken.token_hash == token_hash)).first()
    return None if found is None else (found[0], found[1])


def token_and_user_by_id(session: Session, token_id: int) -> tuple[ApiToken, User | None] | None:
    """As `token_and_user`, by the row's id."""
    query = select(ApiToken, User).outerjoin(User, User.id == ApiToken.user_id)
    found = session.execute(query.where(ApiToken.id == token_id)).first()
    return None if found is None else (found[0], found[1])


def touch_token(session: Session, token_id: int, now: datetime) -> None:
    """Note that a token was used."""
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))


def tokens_page(
    session: Session, *, user_id: int | None, token_id: int | None, before: int | None, limit: int
) -> list[tuple[ApiToken, str | None]]:
    """Tokens with their owner's name, the newest first.

    Args:
        user_id: only this user's; None: no such limit.
        token_id: only this one; None: no such limit.
        before: only ids below this one (the cursor).
    """
    query = select(ApiToken, User.username).outerjoin(User, User.id == ApiToken.user_id)
    if user_id is not None:
        query = query.where(ApiToken.user_id == user_id)
    if token_id is not None:
        query = query.where(ApiToken.id == token_id)
    if before is not None:
        query = query.where(ApiToken.id < before)
    rows = session.execute(query.order_by(ApiToken.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


def revoke_token(session: Session, token_id: int, now: datetime) -> bool:
    """End a token; False when it had ended already or never was."""
    query = update(ApiToken).where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
    return cast("CursorResult[object]", session.execute(query.values(revoked_at=now))).rowcount == 1
