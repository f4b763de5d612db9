"""A private PostgreSQL server for the tests: unix socket only, run by an unprivileged user, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg


def find_postgres() -> Path | None:
    """Folder of initdb and pg_ctl, or None."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return (
        Path(found).parent
        if found
        else next((folder for folder in folders if (folder / "initdb").exists()), None)
    )


class Postgres:
    """One server in a folder of its own, owned by an unprivileged user when the tests run as root."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        # Below /tmp: a socket path longer than 107 bytes does not work.
        self.folder = Path(tempfile.mkdtemp(prefix="danlu-pg-"))
        self.user: str | None = None
        if os.geteuid() == 0:
            self.user = next(name for name in ("postgres", "nobody") if _exists(name))
            shutil.chown(self.folder, self.user)
        self._count = 0

    def start(self) -> None:
        """Create the cluster and wait until it answers (about 1.2 s)."""
        data = self.folder / "data"
        self._run(
            "initdb", "-D", data, "-U", "danlu", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
        )
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", data, "-o", options, "-l", self.folder / "log", "-w", "start")

    def stop(self) -> None:
        """Stop it and remove the folder."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        """Crash it and start it again."""
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        self._run(
            "pg_ctl", "-D", self.folder / "data", "-o", options, "-l", self.folder / "log", "-w", "start"
        )

    def create(self, name: str) -> str:
        """A new empty database."""
        self._sql(f'CREATE DATABASE "{name}"')
        return name

    def create_from_template(self, template: str) -> str:
        """A new database with the template's tables (about 0.1 s)."""
        self._count += 1
        name = f"test_{self._count}"
        self._sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def url(self, name: str) -> str:
        """How Danlu reaches that database."""
        return f"postgresql://danlu@/{name}?host={self.folder}"

    def _sql(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self.folder), user="danlu", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _run(self, program: str, *arguments: object) -> None:
        path = self.binaries / program
        subprocess.run(
            [str(path), *map(str, arguments)], user=self.user, check=True, cwd="/", stdout=subprocess.DEVNULL
        )


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
