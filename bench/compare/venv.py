"""The peers' virtual environments: one each, made once, cached, never part of the project's own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

PEERS = {"mlflow": "mlflow==3.*", "aim": "aim==3.*", "trackio": "trackio==0.*"}
# What a peer imports without asking for it.
UNDECLARED = {"aim": ("setuptools<81",)}


class Unavailable(RuntimeError):
    """A peer cannot be installed here."""


def cache() -> Path:
    """Where environments and filled stores are kept: ``$XDG_CACHE_HOME/danlu-bench``, by default in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "danlu-bench"


def folder(peer: str) -> Path:
    """``$BENCH_COMPARE/PEER``, by default in the cache."""
    told = os.environ.get("BENCH_COMPARE")
    return Path(told or cache() / f"compare-python{platform.python_version()}") / peer


def python(peer: str) -> Path:
    """The interpreter of a peer; installs it when that was not done yet.

    Raises:
        Unavailable: there is no way to it, for instance offline.
    """
    home = folder(peer)
    interpreter = home / "bin" / "python"
    if not _imports(interpreter, peer):
        print(f"installing {peer} into {home}", file=sys.stderr)
        try:
            if not interpreter.exists():
                subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*command, PEERS[peer], *UNDECLARED.get(peer, ())], check=True, stdout=sys.stderr)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"{peer} could not be installed into {home}: {error}") from error
        if not _imports(interpreter, peer):
            raise Unavailable(f"{peer} in {home} cannot be imported")
    return interpreter


def version(peer: str) -> str:
    """The installed version."""
    code = f"from importlib.metadata import version; print(version({peer!r}))"
    done = subprocess.run(
        [str(folder(peer) / "bin" / "python"), "-c", code], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _imports(interpreter: Path, peer: str) -> bool:
    if not interpreter.exists():
        return False
    return (
        subprocess.run(
            [str(interpreter), "-c", f"import {peer}"], check=False, capture_output=True
        ).returncode
        == 0
    )
