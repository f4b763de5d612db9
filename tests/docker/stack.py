"""docker-compose.yml brought up as a project of its own, with images and a volume that are gone afterwards.

Nothing of docker-compose.yml is replaced but the names of our images and where the build gets its packages from:

- `TEST_FIND_LINKS`: URL or folder of wheels with torch for the CPU, where its index cannot be reached;
- `TEST_BUILD_NETWORK`: the build's network, such as `host` where the engine has no bridge of its own.
"""

import json
import os
import re
import socket
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from waiting import wait_for

ROOT = Path(__file__).parent.parent.parent
IMAGE = "danlu-test:built"
SERVICES = ("db", "app", "worker")
KILLED = 137


def engine_trouble() -> str | None:
    """Why there is no Docker engine to be used here; None where there is one."""
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return "no Docker engine: set DOCKER_HOST"
    try:
        for command in (["info"], ["compose", "version"]):
            done = subprocess.run(
                ["docker", *command], capture_output=True, text=True, check=False, timeout=30
            )
            if done.returncode:
                return f"`docker {' '.join(command)}` failed: {done.stderr.strip()[-300:]}"
    except FileNotFoundError:
        return "no `docker` command"
    return None


@dataclass(frozen=True)
class Stack:
    """The compose project of one test session. `environment` makes plain `docker compose …` commands mean it."""

    environment: dict[str, str]
    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def project(self) -> str:
        return self.environment["COMPOSE_PROJECT_NAME"]

    def docker(self, *arguments: str, timeout: float = 180, check: bool = True) -> str:
        """Stdout of `docker …`."""
        return self._run(["docker", *arguments], timeout, check=check)

    def compose(self, *arguments: str, timeout: float = 180, check: bool = True) -> str:
        """Stdout of `docker compose …`."""
        return self._run(["docker", "compose", *arguments], timeout, check=check)

    def shell(self, script: str, *, cwd: Path, timeout: float = 180) -> str:
        """Stdout of commands as the documentation has them; the first that fails ends them."""
        return self._run(["bash", "-euo", "pipefail", "-c", script], timeout, cwd=cwd)

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """Stdout of a command inside a running container, as the container's own user."""
        return self.compose("exec", "-T", service, *command, check=check)

    def container(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says of a service's container; it may have ended."""
        (name,) = self.compose("ps", "--all", "--quiet", service).split()
        found: dict[str, Any] = json.loads(self.docker("inspect", name))[0]
        return found

    def await_healthy(self, *services: str, timeout: float = 120) -> None:
        """Wait until the health checks of these services (default: all) have passed."""
        for service in services or SERVICES:

            def healthy(name: str = service) -> bool:
                state = self.container(name)["State"]
                assert state["Status"] != "exited", self.compose("logs", "--tail", "30", name)
                return bool(state["Health"]["Status"] == "healthy")

            wait_for(healthy, timeout, f"a healthy {service}")

    def up(self) -> None:
        """Start what does not run, and wait for it."""
        self.compose("up", "--detach", "--no-build", timeout=300)
        self.await_healthy()

    def exit_codes(self, since: str) -> dict[str, list[int]]:
        """Exit codes of containers that have ended since a moment of the engine (`now`), by service."""
        lines = self.docker(
            "events", "--since", since, "--until", self.now(), "--filter", "event=die",
            "--filter", f"label=com.docker.compose.project={self.project}", "--format", "{{json .Actor.Attributes}}",
        ).splitlines()  # fmt: skip
        codes: dict[str, list[int]] = {}
        for attributes in map(json.loads, lines):
            service = attributes["com.docker.compose.service"]
            codes.setdefault(service, []).append(int(attributes["exitCode"]))
        return codes

    def now(self) -> str:
        """The engine's time."""
        return self.docker("info", "--format", "{{.SystemTime}}").strip()

    def _run(self, command: list[str], timeout: float, *, check: bool = True, cwd: Path = ROOT) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
        return done.stdout


@contextmanager
def standing(folder: Path) -> Iterator[Stack]:
    """Build the images and bring everything up; containers, networks, volume and our image are removed at the end."""
    port = _free_port()
    override = folder / "override.yml"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DANLU_", "COMPOSE_"))
    }
    environment |= {
        "COMPOSE_PROJECT_NAME": f"danlu-test-{os.getpid()}",
        "COMPOSE_FILE": f"{ROOT / 'docker-compose.yml'}:{override}",
        "DANLU_PORT": str(port),
    }
    stack = Stack(environment, port)
    with _wheels() as find_links:
        build: dict[str, Any] = {"args": {"PIP_FIND_LINKS": find_links}} if find_links else {}
        if network := os.environ.get("TEST_BUILD_NETWORK"):
            build["network"] = network
        ours = {"image": IMAGE, **({"build": build} if build else {})}
        override.write_text(yaml.safe_dump({"services": dict.fromkeys(("prepare", "app", "worker"), ours)}))
        try:
            _get_postgres(stack)
            stack.compose("build", "app", timeout=1800)
            stack.compose("up", "--detach", "--no-build", timeout=300)
            yield stack
        finally:
            stack.compose("down", "--volumes", "--timeout", "5", check=False)
            stack.docker("image", "rm", IMAGE, check=False)


def _get_postgres(stack: Stack) -> None:
    """The image that docker-compose.yml names; where no registry has it, a stand-in with Debian's PostgreSQL."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    image = compose["services"]["db"]["image"]
    if stack.docker("image", "ls", "--quiet", image):
        return
    stack.docker("pull", "--quiet", image, timeout=900, check=False)
    if not stack.docker("image", "ls", "--quiet", image):
        network = os.environ.get("TEST_BUILD_NETWORK", "default")
        stack.docker(
            "build",
            "--network",
            network,
            "--tag",
            image,
            str(Path(__file__).parent / "postgres"),
            timeout=900,
        )


@contextmanager
def _wheels() -> Iterator[str | None]:
    """The URL to give pip; a folder is served on loopback (the build's network must be the host's)."""
    given = os.environ.get("TEST_FIND_LINKS")
    if not given or re.match(r"https?://", given):
        yield given
        return
    # The same port every time: it is part of the URL, and with it of the layer's key in the build cache.
    address = ("127.0.0.1", 20000 + zlib.crc32(given.encode()) % 10000)
    server = ThreadingHTTPServer(address, partial(SimpleHTTPRequestHandler, directory=given))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
