"""API tokens: `danlu_<id>_<secret><checksum>`, shown once, kept as the prefix and a SHA-256.

The prefix and the checksum let secret scanners recognise a token in a commit without asking us. A fast hash
is right here: the secret has 256 random bits, there is nothing to guess.
"""

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.auth import store
from app.auth.principal import SCOPES, Principal, Scope, scopes_of
from app.db import Database, WriteSession
from app.errors import Unauthenticated
from app.models import ApiToken, User

DEFAULT_DAYS = 90
TOUCH_SECONDS = 60
"""`last_used_at` is at most this old: one write a minute per token, not one per request."""

_ALPHABET = string.ascii_letters + string.digits
_SHAPE = re.compile(r"(danlu_[a-z0-9]{8})_([A-Za-z0-9]{43})([A-Za-z0-9]{6})")
Touch = Callable[[str, str, datetime], None]


@dataclass(frozen=True)
class NewToken:
    """A token that was just made; `secret` is known to nobody else from now on."""

    secret: str
    row: ApiToken


def generate() -> tuple[str, str]:
    """A fresh token and its public prefix."""
    ident = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(43))  # 62^43 > 2^256
    prefix = f"danlu_{ident}"
    return f"{prefix}_{secret}{_checksum(prefix, secret)}", prefix


def well_formed(token: str) -> bool:
    """Whether this can be one of our tokens: shape and checksum, without asking the database."""
    match = _SHAPE.fullmatch(token)
    return match is not None and _checksum(match[1], match[2]) == match[3]


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(
    session: WriteSession,
    *,
    name: str,
    scope: Scope,
    user_id: int | None,
    now: datetime,
    days: int | None = DEFAULT_DAYS,
) -> NewToken:
    """Make a token.

    Args:
        user_id: whose it is; None for one made on the machine itself.
        days: how long it works; None: until it is revoked.
    """
    token, prefix = generate()
    row = ApiToken(
        user_id=user_id,
        name=name,
        prefix=prefix,
        token_hash=digest(token),
        scope=scope,
        created_at=now,
        expires_at=None if days is None else now + timedelta(days=days),
    )
    store.add(session, row)
    return NewToken(token, row)


def create_local_token(
    db: Database, name: str, scope: Scope, now: datetime, *, days: int | None = DEFAULT_DAYS
) -> str:
    """What `danlu token create` does: a token without a login, for who may write in the home folder."""
    with db.write() as session:
        return create(session, name=name, scope=scope, user_id=None, now=now, days=days).secret


def authenticate(db: Database, header: str, now: datetime, touch: Touch) -> Principal:
    """The caller behind an Authorization header.

    Raises:
        Unauthenticated: another scheme, not one of our tokens, unknown, expired, revoked, or its user is
            disabled. Except for the first two the answer does not say which.
    """
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        raise Unauthenticated("Use `Authorization: Bearer danlu_…`.")
    if not well_formed(token):
        raise Unauthenticated("This is not a complete danlu token.")
    with db.read() as session:
        found = store.token_and_user(session, digest(token))
    principal = None if found is None else _principal(*found, now)
    if found is None or principal is None:
        raise Unauthenticated("The token is unknown, expired or revoked.")
    used = found[0].last_used_at
    if used is None or (now - used).total_seconds() > TOUCH_SECONDS:
        touch("token", str(found[0].id), now)
    return principal


def by_id(db: Database, token_id: int, now: datetime) -> Principal | None:
    """The caller that a token still stands for; None once it has ended."""
    with db.read() as session:
        found = store.token_and_user_by_id(session, token_id)
    return None if found is None else _principal(*found, now)


def _principal(token: ApiToken, user: User | None, now: datetime) -> Principal | None:
    if token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now):
        return None
    scopes = SCOPES[_as_scope(token.scope)]
    code = "submit" in scopes
    if token.user_id is not None:
        if user is None or user.disabled_at is not None:
            return None
        scopes &= scopes_of(user.role)
        code = code and (user.role == "admin" or user.submit_code)
    return Principal(
        user_id=token.user_id,
        name=token.name,
        scopes=scopes,
        via="token",
        key=f"token:{token.id}" if token.user_id is None else f"user:{token.user_id}",
        credential=f"token:{token.id}",
        submit_code=code,
    )


def _as_scope(value: str) -> Scope:
    # The CHECK constraint of the column allows nothing else; an unknown word must still give the least.
    return "admin" if value == "admin" else "submit" if value == "submit" else "read"


def _checksum(prefix: str, secret: str) -> str:
    number = zlib.crc32(f"{prefix}_{secret}".encode())
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
