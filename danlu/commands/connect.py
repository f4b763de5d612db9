"""From a command to its server: the client, with a token that is made on first use on the server's own machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from danlu.profile import Profile, default_home, load_profile, save_profile

if TYPE_CHECKING:
    from app.config import Settings
    from danlu.client import Client

LOCAL_TOKEN_NAME = "danlu on this machine"  # noqa: S105 - a name, not a secret


def connect() -> Client:
    """The client of the configured server.

    When neither `DANLU_TOKEN` nor `cli.toml` has a token and the server is this machine's own (found by its home, not
    by a URL), a token is made with the home's rights and stored in `cli.toml`, readable by its owner alone.

    Raises:
        ProfileError: `cli.toml` is damaged.
    """
    from danlu.client import Client

    home = default_home()
    found = load_profile(home)
    if found.token is None and found.local:
        found = Profile(found.url, _own_token(home), local=True)
    return Client(found.url, found.token) if found.token else Client(found.url)


def _own_token(home: Path) -> str | None:
    """A new local token, stored; None where there is no home that this user may open."""
    if not _readable_home(home):
        return None
    from app.config import load_settings

    settings = load_settings()
    if settings.auth == "none":
        return None
    token = make_local_token(settings, LOCAL_TOKEN_NAME, "submit", days=None)
    save_profile(home, token=token)
    return token


def _readable_home(home: Path) -> bool:
    """Whether a server has run on this home already: only then is there something to make a token in."""
    import os

    if not os.access(home, os.W_OK):
        return False
    return (home / "danlu.db").exists() or (home / "server.lock").exists()


def make_local_token(settings: Settings, name: str, scope: str, *, days: int | None) -> str:
    """A token made directly in the home's database.

    Raises:
        StartupError: the database is not there, not ours to open, or of another version.
    """
    from typing import cast

    from app.auth.principal import Scope
    from app.auth.tokens import create_local_token
    from app.clock import utcnow
    from danlu.commands.local import open_database

    with open_database(settings) as database:
        return create_local_token(database, name, cast("Scope", scope), utcnow(), days=days)
