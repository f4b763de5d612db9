"""What git says of a folder: commit, branch, remote, and what is not committed. Nothing where there is no git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

MAX_DIFF = 200_000
"""Bytes of a diff that are kept."""
_SECONDS = 10
_UNTRACKED = 50


def git_facts(folder: Path) -> dict[str, Any] | None:
    """`{"commit", "branch", "remote", "dirty", "diff"}` of the repository that a folder lies in; None without one.

    `commit` is None before the first one, `branch` when none is checked out, `remote` where there is none. `diff` is what
    differs from the commit below the folder, cut at 200 kB; files that git does not know yet are named before it.
    """
    if _git(folder, "rev-parse", "--is-inside-work-tree") != "true":
        return None
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD") or None
    status = _git(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".") or ""
    remotes = (_git(folder, "remote") or "").split()
    name = "origin" if "origin" in remotes else next(iter(remotes), None)
    url = _git(folder, "remote", "get-url", name) if name else None
    return {
        "commit": commit,
        "branch": _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or None,
        "remote": without_credentials(url) if url else None,
        "dirty": bool(status),
        "diff": _diff(folder, commit, status) if status else "",
    }


def without_credentials(url: str) -> str:
    """A remote's address without passwords and tokens.

    >>> without_credentials("https://ada:secret@git.example.org/a/b.git?token=1")
    'https://git.example.org/a/b.git'
    >>> without_credentials("git@git.example.org:a/b.git"), without_credentials("ssh://git:pw@host:22/a")
    ('git@git.example.org:a/b.git', 'ssh://git@host:22/a')
    """
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://"
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    keep = f"{name}@{host}" if parts.scheme in {"ssh", "git+ssh"} and name else host
    return urlunsplit((parts.scheme, keep, parts.path, "", ""))


def cut_diff(diff: str) -> str:
    """At most 200 kB of a diff, whole lines, with a note where something is missing."""
    raw = diff.encode(errors="replace")
    if len(raw) <= MAX_DIFF:
        return raw.decode()
    note = f"\n[cut here: the diff has {len(raw)} bytes]\n"
    kept = raw[: MAX_DIFF - len(note)].rpartition(b"\n")[0] or raw[: MAX_DIFF - len(note)]
    return kept.decode(errors="replace") + note


def _diff(folder: Path, commit: str | None, status: str) -> str:
    untracked = [line[3:] for line in status.splitlines() if line.startswith("??")]
    listed = "".join(f"# not in git: {path}\n" for path in untracked[:_UNTRACKED])
    if len(untracked) > _UNTRACKED:
        listed += f"# … and {len(untracked) - _UNTRACKED} more\n"
    options = ("--no-color", "--no-ext-diff", "--no-textconv", "--relative", "--", ".")
    changed = _git(folder, "diff", "HEAD", *options, keep=True) if commit else ""
    return cut_diff((listed + (changed or "")).replace("\0", "\ufffd"))


def _git(folder: Path, *words: str, keep: bool = False) -> str | None:
    """What git prints, stripped unless it is to be kept; None where it fails, is missing or does not come to an end."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), "-c", "core.quotePath=off", "-c", "core.fsmonitor=false", *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    text = done.stdout.decode(errors="replace")
    return text if keep else text.strip("\n")
