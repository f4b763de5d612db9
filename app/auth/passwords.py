"""Passwords: Argon2id, at least 12 characters, and the same time spent on a user who does not exist."""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from app.errors import Invalid

MIN_LENGTH = 12
MAX_LENGTH = 512
UNUSABLE = "!"
"""First character of the hash of a user who has not chosen a password yet; no Argon2 hash begins so."""

_hasher = PasswordHasher()  # RFC 9106's low-memory profile: Argon2id, 64 MiB, 3 passes
_slots = threading.BoundedSemaphore(2)
"""Each hash takes 64 MiB: a burst of logins queues here instead of filling the memory."""


def check_new(password: str, username: str, *, field: str = "password") -> None:
    """Refuse a password that is too short, too long or trivially guessed.

    Raises:
        Invalid: 422 naming `field`.
    """
    problem = None
    if len(password) < MIN_LENGTH:
        problem = f"At least {MIN_LENGTH} characters."
    elif len(password) > MAX_LENGTH:
        problem = f"At most {MAX_LENGTH} characters."
    elif not _encodable(password) or "\x00" in password:
        problem = "Contains characters that cannot be typed again."
    elif len(set(password)) < 4 or password.lower() in (username.lower(), username.lower() * 2):
        problem = "Too easy to guess."
    if problem:
        raise Invalid("The password is not good enough.", fields={field: problem})


def hash_password(password: str) -> str:
    """The Argon2id hash in PHC form, with its own salt and parameters."""
    with _slots:
        return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` belongs to the stored hash.

    `None` (no such user) and an unusable hash cost the same time as a real one, so that the answer's time
    does not tell which users exist.
    """
    usable = stored is not None and not stored.startswith(UNUSABLE)
    if len(password) > MAX_LENGTH or not _encodable(password):
        password, usable = "x", False
    against = stored if usable and stored is not None else _nobody()
    with _slots:
        try:
            matches = _hasher.verify(against, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return matches and usable


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def _encodable(password: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in password)
