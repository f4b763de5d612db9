"""`danlu server` and `danlu worker`: one process each. `danlu up` starts both (see `up.py`)."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from danlu.commands.parent import end_with
from danlu.profile import URL_FILE, reachable

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from app.config import Settings

GRACE_SECONDS = 5
"""How long requests in progress may go on after SIGTERM."""
BACKLOG = 2048

HomeOption = typer.Option(
    None, "--home", metavar="DIR", help="The home folder. Default: DANLU_HOME, ./danlu-data."
)
HostOption = typer.Option(None, "--host", help="Address to bind to. Default: DANLU_HOST, 127.0.0.1.")
PortOption = typer.Option(
    None, "--port", "-p", min=0, max=65535, help="0 takes a free one. Default: DANLU_PORT, 8000."
)
AuthOption = typer.Option(None, "--auth", help="login, or none (on a loopback address only).")
SlotsOption = typer.Option(None, "--slots", min=0, help="Runs at once on the CPU. Default: DANLU_SLOTS, 1.")
ParentOption = typer.Option(None, "--parent", hidden=True, help="End when this process, the parent, is gone.")


def server(
    home: Path = HomeOption,
    host: str = HostOption,
    port: int = PortOption,
    auth: str = AuthOption,
    access_log: bool = typer.Option(False, "--access-log", help="A line on stderr for each request."),
    fd: int = typer.Option(None, "--fd", hidden=True, help="A bound socket to serve on, inherited."),
    ready_fd: int = typer.Option(
        None, "--ready-fd", hidden=True, help="Where to write the link instead of stdout."
    ),
    parent: int = ParentOption,
) -> None:
    """Start the server alone: pages, REST, TensorBoards. Training needs a `danlu worker` on the same home."""
    if parent is not None:
        end_with(parent)
    settings = settings_from(home=home, host=host, port=port, auth=auth)
    listener = socket.socket(fileno=fd) if fd is not None else listen(settings.host, settings.port)
    settings = settings_from(port=listener.getsockname()[1])
    _serve(settings, listener, access_log=access_log, ready_fd=ready_fd)


def worker(
    home: Path = HomeOption,
    slots: int = SlotsOption,
    devices: str = typer.Option(None, "--devices", help="auto, or a list such as cpu or cuda:0,cuda:1."),
    parent: int = ParentOption,
) -> None:
    """Start a worker: it claims queued runs and trains them. SIGTERM lets the runs save and gives them back."""
    if parent is not None:
        end_with(parent)
    settings = settings_from(home=home, slots=slots, devices=devices)
    from worker.__main__ import main

    logging.getLogger("alembic").setLevel(logging.WARNING)
    raise typer.Exit(main(settings))


def settings_from(**options: object) -> Settings:
    """The settings, with what the command line gave written to the environment for this process's children too.

    Raises:
        StartupError: an unknown setting or a bad value, in one line.
    """
    from app.config import load_settings

    for name, value in options.items():
        if value is not None:
            os.environ[f"DANLU_{name.upper()}"] = str(value)
    return load_settings()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket: a port in use is found out before anything is started, and early callers wait for us.

    Raises:
        StartupError: in use, not permitted, or no address of this machine; with the remedy.
    """
    from app.errors import StartupError

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartupError(f"{host} is no address ({error.strerror}); choose another --host") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        remedy = "choose another --host" if error.errno == errno.EADDRNOTAVAIL else "choose another --port"
        if error.errno == errno.EADDRINUSE:
            remedy = "stop what uses it, or choose another --port"
        reason = os.strerror(error.errno or 0).lower()
        raise StartupError(f"cannot listen on {host}:{port}: {reason}; {remedy}") from error
    return listener


def announce(link: str | None, settings: Settings) -> None:
    """Say where the dashboard is; `link` is the one-time set-up link while nobody has an account."""
    if link is None:
        print(f"Danlu is at {browser_url(settings)}", flush=True)
        return
    print(f"Open  {link.replace(settings.origin, browser_url(settings), 1)}", flush=True)
    print(
        f"      This link makes the first administrator. It works once, for {settings.setup_ttl_minutes} minutes."
    )
    sys.stdout.flush()


def browser_url(settings: Settings) -> str:
    """What to open on this machine: never 0.0.0.0, which is an address to bind to and not to go to."""
    return settings.public_url or f"http://{reachable(settings.host)}:{settings.port}"


def _serve(settings: Settings, listener: socket.socket, *, access_log: bool, ready_fd: int | None) -> None:
    import uvicorn

    from app.main import create_app

    _configure_logging(access_log=access_log)
    app = create_app(settings)

    class Server(uvicorn.Server):
        """uvicorn's server, with the app's start and stop in its own hands, which says when it answers.

        uvicorn's own way of running them logs what goes wrong as a traceback and hides it from the caller.
        """

        running = AsyncExitStack()

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await self.running.enter_async_context(app.router.lifespan_context(app))
            await super().startup(sockets)
            self.running.callback((settings.home / URL_FILE).unlink, missing_ok=True)
            await asyncio.to_thread(_ready, settings, app, ready_fd)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.hub.close()  # else every open page would be waited for
            await super().shutdown(sockets)
            await self.running.aclose()

    server = Server(uvicorn_config(app, settings, access_log=access_log))
    # uvicorn raises the signal again when all is shut down; and it may come before uvicorn listens to it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server.run(sockets=[listener])


def _ready(settings: Settings, app: FastAPI, ready_fd: int | None) -> None:
    """Note the address for the command line on this machine, and say what to open: to `danlu up`, or to a person."""
    from app.auth.setup import setup_link

    (settings.home / URL_FILE).write_text(
        f"http://{reachable(settings.host)}:{settings.port}\n", encoding="utf-8"
    )
    link = setup_link(settings, app.state.db)
    if ready_fd is None:
        announce(link, settings)
        return
    with os.fdopen(ready_fd, "w", encoding="utf-8") as pipe:
        json.dump({"link": link}, pipe)


def uvicorn_config(app: FastAPI, settings: Settings, *, access_log: bool) -> uvicorn.Config:
    """One process; proxy headers only from proxies that are named; no name of a server in the answers."""
    import uvicorn

    from app.httpserver import BoundedProtocol

    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",  # see Server in _serve
        log_config=None,
        access_log=access_log,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )


def _configure_logging(*, access_log: bool) -> None:
    """One stream, stderr. uvicorn's start and stop and httpx's requests are no news."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    quiet = {"uvicorn.error": logging.WARNING, "httpx": logging.WARNING, "alembic": logging.WARNING}
    quiet["uvicorn.access"] = logging.INFO if access_log else logging.WARNING
    for name, level in quiet.items():
        logging.getLogger(name).setLevel(level)
