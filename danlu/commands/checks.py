"""The checks of `danlu doctor`. Each looks, changes nothing, and names the remedy beside what it finds."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from danlu.profile import reachable, running_url

if TYPE_CHECKING:
    from app.config import Settings

Level = Literal["ok", "warning", "broken"]
TORCH_SECONDS = 120
GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    level: Level
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For --json."""
        return asdict(self)


def check_all(settings: Settings) -> list[Finding]:
    """Every check, in the order in which a problem explains the ones after it."""
    from danlu.commands.checks_service import check_database, check_leftovers
    from danlu.commands.checks_snapshots import check_snapshots

    checks: list[Callable[[Settings], list[Finding]]] = [
        check_python, check_sqlite, check_torch, check_tensorboard, check_home, check_disk, check_port,
        check_database, check_snapshots, check_leftovers,
    ]  # fmt: skip
    return [finding for check in checks for finding in check(settings)]


def check_python(settings: Settings) -> list[Finding]:
    """Which Python, and on what."""
    del settings
    version = platform.python_version()
    return [Finding("python", "ok", f"Python {version} on {platform.system()} {platform.machine()}")]


def check_sqlite(settings: Settings) -> list[Finding]:
    """SQLite's version, and whether two processes on one database can damage it."""
    if settings.database_url and not settings.database_url.startswith("sqlite"):
        return [
            Finding("sqlite", "ok", f"SQLite {sqlite3.sqlite_version}, not used: the database is PostgreSQL")
        ]
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        return [
            Finding(
                "sqlite",
                "warning",
                f"SQLite {sqlite3.sqlite_version} has the WAL-reset bug: in rare cases two processes that write and"
                " checkpoint at the same moment damage the database",
                "use a Python with SQLite 3.51.3 or newer (or 3.50.7, 3.44.6), or PostgreSQL (DANLU_DATABASE_URL);"
                " keep backups",
            )
        ]
    return [Finding("sqlite", "ok", f"SQLite {sqlite3.sqlite_version}")]


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """SQLite 3.7.0 to 3.51.2, except the back-ports 3.50.7 and 3.44.6 and what followed on their branches."""
    if not (3, 7, 0) <= version < (3, 51, 3):
        return False
    return not any(version[:2] == fixed[:2] and version >= fixed for fixed in ((3, 50, 7), (3, 44, 6)))


_TORCH = """
import json, torch
mps = getattr(torch.backends, "mps", None)
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda,
    "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    "mps": bool(mps and mps.is_available()), "threads": torch.get_num_threads()}))
"""


def check_torch(settings: Settings) -> list[Finding]:
    """Torch and what it can train on, asked in a process of its own."""
    del settings
    remedy = "run `make setup`, or pip install torch (https://pytorch.org has the command for your GPU)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TORCH], capture_output=True, text=True, timeout=TORCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [Finding("torch", "broken", f"importing torch takes longer than {TORCH_SECONDS} s", remedy)]
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [Finding("torch", "broken", f"torch cannot be imported: {last}", remedy)]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    devices = [f"cuda:{index} {name}" for index, name in enumerate(said["gpus"])]
    devices += ["mps"] if said["mps"] else []
    detail = f"torch {said['version']}; devices: {', '.join([*devices, 'cpu'])}"
    if not said["gpus"] and shutil.which("nvidia-smi"):
        return [
            Finding(
                "torch",
                "warning",
                f"{detail}; nvidia-smi is here, but torch sees no GPU",
                "run `make setup TORCH=cuda` for a torch with CUDA",
            )
        ]
    return [Finding("torch", "ok", detail)]


def check_tensorboard(settings: Settings) -> list[Finding]:
    """TensorBoard and its data server's binary."""
    del settings
    remedy = "pip install 'tensorboard>=2.21' on a platform with a data server wheel (Linux, macOS)"
    try:
        version = metadata.version("tensorboard")
        import tensorboard_data_server

        binary = tensorboard_data_server.server_binary()
    except (metadata.PackageNotFoundError, ImportError) as error:
        return [Finding("tensorboard", "broken", f"not installed: {error}", remedy)]
    if not binary or not os.access(binary, os.X_OK):
        return [Finding("tensorboard", "broken", "its data server has no binary for this platform", remedy)]
    return [
        Finding(
            "tensorboard", "ok", f"TensorBoard {version}, data server {tensorboard_data_server.__version__}"
        )
    ]


def check_home(settings: Settings) -> list[Finding]:
    """Whether the home can be written, and only by its owner where it must be."""
    home = settings.home
    if not home.exists():
        return [Finding("home", "ok", f"{home} does not exist yet; `danlu up` makes it")]
    if not home.is_dir() or not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return [
            Finding(
                "home", "broken", f"{home} is not a folder that this user may write in", "chown or chmod it"
            )
        ]
    findings = [Finding("home", "ok", str(home))]
    for name in ("secrets", "cli.toml", "setup-link"):
        path = home / name
        if path.exists() and path.stat().st_mode & 0o077:
            detail = f"{path} can be read by other users of this machine"
            findings.append(Finding("home", "broken", detail, f"chmod 600 {path}"))
    return findings


def check_disk(settings: Settings) -> list[Finding]:
    """Free space against the floor below which nothing is claimed."""
    folder = next((path for path in (settings.home, *settings.home.parents) if path.exists()), None)
    usage = shutil.disk_usage(folder or "/")
    floor = max(settings.disk_floor_gib * GIB, usage.total * settings.disk_floor_percent / 100)
    detail = f"{usage.free / GIB:.1f} GiB free; the floor is {floor / GIB:.1f} GiB"
    if usage.free < floor:
        remedy = "delete old runs or other files, or lower DANLU_DISK_FLOOR_GIB and DANLU_DISK_FLOOR_PERCENT"
        return [Finding("disk", "broken", f"{detail}: no run is started", remedy)]
    return [Finding("disk", "ok", detail)]


def check_port(settings: Settings) -> list[Finding]:
    """Whether the port is free, or taken by this very Danlu."""
    url = running_url(settings.home)
    if url is not None and _answers(url):
        return [Finding("port", "ok", f"the server of this home answers at {url}")]
    if settings.port == 0:
        return [Finding("port", "ok", "a free one is taken at each start")]
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            remedy = "stop what uses it, or set another DANLU_PORT"
            where = f"{reachable(settings.host)}:{settings.port}"
            return [Finding("port", "broken", f"{where} cannot be used: {error.strerror}", remedy)]
    return [Finding("port", "ok", f"{settings.host}:{settings.port} is free")]


def _answers(url: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{url}/healthz", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
