"""Users: logging in, changing a password, inviting, disabling. Services flush; `with db.write()` commits."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from app.auth import passwords, store
from app.auth.throttle import Throttle
from app.db import Database
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from app.models import User

INVITE_DAYS = 7
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")


@dataclass(frozen=True)
class Invitation:
    """A user who may now choose a password, and the secret of the link, which is shown once."""

    user: User
    secret: str


def checked_username(username: str) -> str:
    """The name in the form that is stored: lower case, plain ASCII, so that no two look alike.

    Raises:
        Invalid: 422 naming `username`.
    """
    name = username.strip().lower()
    if not _USERNAME.fullmatch(name):
        message = "1 to 63 letters, digits or . _ @ + - and a letter or digit first."
        raise Invalid("The user name cannot be used.", fields={"username": message})
    return name


def log_in(db: Database, throttle: Throttle, *, username: str, password: str, address: str) -> User:
    """The user whose name and password these are.

    Raises:
        TooMany: 429, too many failures of this account from this address, or of this address.
        Unauthenticated: wrong; the answer and its time do not tell whether the user exists.
    """
    name = username.strip().lower()
    throttle.attempt(name, address)
    with db.read() as session:
        user = store.user_by_name(session, name) if _USERNAME.fullmatch(name) else None
    right = passwords.verify(user.password_hash if user else None, password)
    if user is None or not right or user.disabled_at is not None:
        raise Unauthenticated("Wrong user name or password.")
    throttle.succeeded(name, address)
    if user.password_hash is not None and passwords.needs_rehash(user.password_hash):
        hashed = passwords.hash_password(password)
        with db.write() as write:
            row = store.user_by_id(write, user.id)
            if row is not None and row.password_hash == user.password_hash:
                row.password_hash = hashed
    return user


def change_password(
    db: Database, throttle: Throttle, user_id: int, *, current: str, new: str, address: str
) -> None:
    """Set a new password and end every login of the user (the caller starts a new one).

    Raises:
        Invalid: the current password is wrong, or the new one not good enough.
        TooMany: 429; guesses are limited here as at the login, or a stolen session could try them all.
    """
    with db.read() as session:
        user = store.user_by_id(session, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    throttle.attempt(user.username, address)
    if not passwords.verify(user.password_hash, current):
        raise Invalid("The current password is wrong.", fields={"current": "This is not your password."})
    throttle.succeeded(user.username, address)
    passwords.check_new(new, user.username, field="new")
    hashed = passwords.hash_password(new)
    with db.write() as write:
        row = store.user_by_id(write, user_id)
        if row is None or row.password_hash != user.password_hash:
            raise Conflict("The password was changed elsewhere at the same moment.")
        row.password_hash = hashed
        store.end_sessions(write, user_id)


def invite(db: Database, *, username: str, role: str, submit_code: bool, now: datetime) -> Invitation:
    """Make a user without a password, and the secret of the one-time link that lets them choose one.

    Raises:
        Invalid: a bad or taken name, or an unknown role.
    """
    name = checked_username(username)
    if role not in ("admin", "member"):
        raise Invalid("There is no such role.", fields={"role": "admin or member."})
    secret, hashed = _secret()
    user = User(
        username=name,
        password_hash=None,
        role=role,
        submit_code=submit_code or role == "admin",
        invite_hash=hashed,
        invite_expires_at=now + timedelta(days=INVITE_DAYS),
        created_at=now,
    )
    try:
        with db.write() as session:
            store.add(session, user)
    except IntegrityError as error:
        raise Invalid("The user name is taken.", fields={"username": "Somebody has this name."}) from error
    return Invitation(user, secret)


def reinvite(db: Database, user_id: int, now: datetime) -> Invitation:
    """A new one-time link for a user: to choose a first password, or another one after theirs was lost.

    Earlier links end. The old password works until the new one is set.

    Raises:
        NotFound: no such user, or disabled.
    """
    secret, hashed = _secret()
    with db.write() as session:
        user = _existing(store.user_by_id(session, user_id))
        if user.disabled_at is not None:
            raise NotFound("There is no such active user.")
        user.invite_hash, user.invite_expires_at = hashed, now + timedelta(days=INVITE_DAYS)
    return Invitation(user, secret)


def invited(db: Database, secret: str, now: datetime) -> User:
    """Whom a link was made for.

    Raises:
        NotFound: used, ended, or never made.
    """
    with db.read() as session:
        user = store.user_by_invite(session, _digest(secret), now)
    if user is None:
        raise NotFound("This link was used already or has ended. Ask an administrator for a new one.")
    return user


def accept(db: Database, secret: str, password: str, now: datetime) -> User:
    """Set the invited user's password; the link ends, and so does every login made before.

    Raises:
        NotFound: as `invited`.
        Invalid: the password is not good enough.
    """
    user = invited(db, secret, now)
    passwords.check_new(password, user.username)
    hashed = passwords.hash_password(password)
    with db.write() as session:
        row = store.user_by_invite(session, _digest(secret), now)
        if row is None:
            raise NotFound("This link was used already or has ended. Ask an administrator for a new one.")
        row.password_hash, row.invite_hash, row.invite_expires_at = hashed, None, None
        store.end_sessions(session, row.id)
    return row


def change_user(
    db: Database, user_id: int, *, role: str | None = None, submit_code: bool | None = None, by: int | None
) -> None:
    """Change what somebody may do; in force with their next request.

    Raises:
        NotFound: no such user.
        Conflict: it would leave no administrator.
        Forbidden: one's own role.
    """
    if role is not None and user_id == by:
        raise Forbidden("Another administrator has to change your role.")
    with db.write() as session:
        store.lock_user_creation(session)
        user = _existing(store.user_by_id(session, user_id))
        admins = store.count_active_admins(session)
        if role is not None:
            user.role = role
        if submit_code is not None:
            user.submit_code = submit_code
        session.flush()
        _keep_an_admin(admins, store.count_active_admins(session))


def set_disabled(db: Database, user_id: int, *, disabled: bool, by: int | None, now: datetime) -> None:
    """Shut somebody out at once, everywhere, or let them in again (their tokens work again too).

    Raises:
        NotFound: no such user.
        Conflict: it would leave no administrator.
        Forbidden: oneself.
    """
    if user_id == by:
        raise Forbidden("Another administrator has to disable you.")
    with db.write() as session:
        store.lock_user_creation(session)
        user = _existing(store.user_by_id(session, user_id))
        admins = store.count_active_admins(session)
        user.disabled_at = now if disabled else None
        if disabled:
            user.invite_hash = user.invite_expires_at = None
            store.end_sessions(session, user_id)
        session.flush()
        _keep_an_admin(admins, store.count_active_admins(session))


def _existing(user: User | None) -> User:
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _keep_an_admin(before: int, after: int) -> None:
    if before and not after:  # under `--auth none` there may never have been one
        raise Conflict("There must be an administrator who can log in.")


def _secret() -> tuple[str, str]:
    secret = secrets.token_urlsafe(32)
    return secret, _digest(secret)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
