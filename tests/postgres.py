"""A private PostgreSQL server for the tests: unix socket only, run by an unprivileged user, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections import deque
from pathlib import Path

import psycopg

_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# As the superuser that it is, past the foreign keys; TRUNCATE would take ten times as long.
_EMPTY = """
DO $$
DECLARE name regclass;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT c.oid FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
      AND c.relname <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM %s', name);
  END LOOP;
  FOR name IN SELECT c.oid FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('ALTER SEQUENCE %s RESTART', name);
  END LOOP;
END $$
"""


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
        self._given_back: deque[str] = deque()

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

    def lend(self, template: str) -> str:
        """A database with the template's tables and nothing in them: one that was given back, emptied (about 10 ms), or a
        new one. One that somebody is still connected to is let be.
        """
        for _ in range(len(self._given_back)):
            name = self._given_back.popleft()
            with self._connect(name) as connection:
                if connection.execute(_OTHERS).fetchone() == (0,):
                    connection.execute(_EMPTY)
                    return name
            self._given_back.append(name)
        return self.create_from_template(template)

    def give_back(self, name: str) -> None:
        """Let another test have it; its schema is still the template's."""
        self._given_back.append(name)

    def url(self, name: str) -> str:
        """How Danlu reaches that database."""
        return f"postgresql://danlu@/{name}?host={self.folder}"

    def _sql(self, statement: str) -> None:
        with self._connect("postgres") as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _connect(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.folder), user="danlu", dbname=name, autocommit=True)

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
