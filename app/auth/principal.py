"""What the rest of the server knows about a caller."""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["read", "submit", "admin"]
SCOPES: dict[Scope, frozenset[str]] = {
    "read": frozenset({"read"}),
    "submit": frozenset({"read", "submit"}),
    "admin": frozenset({"read", "submit", "admin"}),
}
"""Scope of a token → everything that it may do. Each scope holds the ones before it."""


def scopes_of(role: str) -> frozenset[str]:
    """What a user of that role may do."""
    return SCOPES["admin"] if role == "admin" else SCOPES["submit"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller who has been identified.

    Attributes:
        user_id: row of the user; None for a token made on the machine itself and under `--auth none`.
        name: the user's name, or the token's.
        scopes: subset of read, submit, admin.
        via: how they proved it: session cookie, bearer token, or `local` under `--auth none`.
        key: stable name of the *caller* (not of the session), for Idempotency-Key and ownership.
        credential: which session or token it was, for `app.auth.deps.still_valid`.
        submit_code: may have code of their own executed (admins always; members when an admin said so).
    """

    user_id: int | None
    name: str
    scopes: frozenset[str]
    via: Literal["session", "token", "local"]
    key: str
    credential: str = "local"
    submit_code: bool = False

    @property
    def actor(self) -> str:
        """How timelines name them: `user:NAME` or `token:NAME`."""
        return f"token:{self.name}" if self.via == "token" else f"user:{self.name}"

    @property
    def is_admin(self) -> bool:
        """Whether they may manage users and everything else."""
        return "admin" in self.scopes


LOCAL = Principal(None, "local", SCOPES["admin"], "local", "local", "local", True)
"""The one caller under `--auth none`, which is refused on any bind but a loopback one."""
