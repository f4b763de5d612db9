"""Where the client finds its server and its token: environment, `cli.toml`, the server that runs on the home.

`cli.toml` lies in the home, is readable by its owner alone, and holds `url` and `token`, both optional.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["Profile", "ProfileError", "default_home", "load_profile", "save_profile"]


URL_FILE = "server.url"
"""In the home: the address of the server that runs on it."""


class ProfileError(Exception):
    """A file of the client is unreadable; the message names it."""


@dataclass(frozen=True)
class Profile:
    """What to talk to.

    Attributes:
        url: the server's origin; None when nothing names one.
        token: the API token; None when there is none.
        local: the server is the one of the home on this machine, found by the home and not by a URL.
    """

    url: str | None = None
    token: str | None = None
    local: bool = False

    def over(self, url: str | None, token: str | None) -> Profile:
        """The same with what the caller gave by hand. A token that is stored for one server goes to no other."""
        if url is None or url.rstrip("/") == self.url:
            return replace(self, token=token or self.token)
        return Profile(url, token or os.environ.get("DANLU_TOKEN") or None)


def default_home() -> Path:
    """`DANLU_HOME`, or `./danlu-data`."""
    return Path(os.environ.get("DANLU_HOME") or "danlu-data")


def load_profile(home: Path | None = None) -> Profile:
    """Read the environment (`DANLU_URL`, `DANLU_TOKEN`), then `cli.toml`, then the home's running server.

    The stored token goes only to the server that it was stored for: with another `DANLU_URL` it is left out.

    Raises:
        ProfileError: `cli.toml` is unreadable; the message names the file.
    """
    home = home or default_home()
    stored = _read_toml(home / "cli.toml")
    token = os.environ.get("DANLU_TOKEN") or None
    stored_url, stored_token = stored.get("url"), stored.get("token")
    local_url = running_url(home) or _configured_url(home)
    own_url = stored_url or local_url
    url = os.environ.get("DANLU_URL") or own_url
    same = url.rstrip("/") == own_url.rstrip("/")
    token = token or (stored_token if same else None)
    return Profile(url.rstrip("/"), token, local=same and stored_url is None)


def save_profile(home: Path, *, url: str | None = None, token: str | None = None) -> Path:
    """Write `cli.toml` (0600), keeping the value that is not given. Returns its path."""
    path = home / "cli.toml"
    values = _read_toml(path)
    values |= {name: value for name, value in (("url", url), ("token", token)) if value is not None}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    draft = path.with_name(f".cli.toml.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
    return path


def running_url(home: Path) -> str | None:
    """The address that the server on this home wrote down when it began to listen, or None."""
    try:
        text = (home / URL_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return text or None


def _configured_url(home: Path) -> str:
    """Host and port as the server's settings would have them, without importing the server."""
    try:
        settings = _read_toml(home / "danlu.toml")
    except ProfileError:
        settings = {}
    host = os.environ.get("DANLU_HOST") or settings.get("host") or "127.0.0.1"
    port = os.environ.get("DANLU_PORT") or settings.get("port") or "8000"
    return f"http://{reachable(host)}:{port}"


def reachable(host: str) -> str:
    """The host to connect to for a host to bind to: the loopback for "all", brackets for IPv6."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"[{host}]" if ":" in host else host


def _read_toml(path: Path) -> dict[str, str]:
    """The file's top-level scalars as text; empty when there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return {name: str(value) for name, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path} is no valid TOML: {error}.") from error
