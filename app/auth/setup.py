"""The first start: a one-time link whose bearer makes the first administrator. There is no default password.

The token lives in one file of the home folder (mode 0600) and nowhere else: who can read that file owns the
server anyway. It is new with each start, ends after an hour, and is void once there is a user.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.auth import passwords, store
from app.auth.accounts import checked_username
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.errors import Forbidden, NotFound
from app.models import User

FILE_NAME = "setup-link"
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True)
class Link:
    """A setup link and when it ends."""

    url: str
    token: str
    expires_at: datetime


def setup_file(settings: Settings) -> Path:
    """Where the link is kept: line 1 the link, line 2 until when."""
    return settings.home / FILE_NAME


def is_open(db: Database) -> bool:
    """Whether nobody has an account yet."""
    with db.read() as session:
        return store.count_users(session) == 0


def rotate(settings: Settings, db: Database, now: datetime) -> str | None:
    """Make a new link, so that earlier ones end; None (and no file) once there is a user.

    Called at each start of the server.
    """
    if not is_open(db):
        setup_file(settings).unlink(missing_ok=True)
        return None
    token = secrets.token_urlsafe(32)
    url = f"{_base_url(settings)}/setup?key={token}"
    expires = now + timedelta(minutes=settings.setup_ttl_minutes)
    _write_private(setup_file(settings), f"{url}\n{expires.isoformat()}\n")
    return url


def setup_link(settings: Settings, db: Database) -> str | None:
    """The link to print: the running server's, or a new one when that has ended. None once there is a user,
    and under `--auth none`.
    """
    if settings.auth == "none" or not is_open(db):
        return None
    now = utcnow()
    link = read_link(settings)
    return link.url if link is not None and link.expires_at > now else rotate(settings, db, now)


def read_link(settings: Settings) -> Link | None:
    """What the file says; None when it is missing or not ours."""
    try:
        lines = setup_file(settings).read_text(encoding="utf-8").splitlines()
        token = parse_qs(urlsplit(lines[0]).query)["key"][0]
        return Link(lines[0], token, datetime.fromisoformat(lines[1]))
    except (FileNotFoundError, IndexError, KeyError, ValueError):
        return None


def check_token(settings: Settings, db: Database, token: str, now: datetime) -> None:
    """Whether `token` opens the set-up.

    Raises:
        NotFound: there is an account already.
        Forbidden: not the token of this start, or it has ended.
    """
    if not is_open(db):
        raise NotFound("The set-up is done. Log in instead.")
    link = read_link(settings)
    given = token.encode("utf-8", "replace")
    if link is None or link.expires_at <= now or not secrets.compare_digest(link.token.encode(), given):
        raise Forbidden(
            "This setup link is not valid (any more). Open the one that the server printed at its last start; "
            f"it is also in the file {FILE_NAME} of its home folder."
        )


def create_first_admin(
    settings: Settings, db: Database, *, token: str, username: str, password: str, now: datetime
) -> User:
    """Make the first administrator, exactly once however many ask at the same moment.

    Raises:
        NotFound, Forbidden: as `check_token`.
        Invalid: the name or the password is not good enough.
    """
    check_token(settings, db, token, now)
    username = checked_username(username)
    passwords.check_new(password, username)
    hashed = passwords.hash_password(password)  # slow: not inside the transaction
    with db.write() as session:
        store.lock_user_creation(session)
        if store.count_users(session):
            raise NotFound("The set-up is done. Log in instead.")
        user = User(username=username, password_hash=hashed, role="admin", submit_code=True, created_at=now)
        store.add(session, user)
    setup_file(settings).unlink(missing_ok=True)
    return user


def _base_url(settings: Settings) -> str:
    # 0.0.0.0 is an address to bind to, not one to go to, and no host of ours.
    if settings.public_url is None and settings.host in WILDCARDS:
        return f"http://127.0.0.1:{settings.port}"
    return settings.origin


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner could ever read, not even for a moment otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
