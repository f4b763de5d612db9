"""A real uvicorn on a loopback port, and browser-like clients of it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import httpx
import uvicorn
from fastapi import FastAPI
from migrated import place_migrated
from waiting import wait_for

from app.auth import passwords, store
from app.auth.setup import read_link
from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.main import create_app
from app.models import User

PASSWORD = "a furnace for pills 丹"


@cache
def _hashed() -> str:
    return passwords.hash_password(PASSWORD)


@dataclass
class Served:
    """A running server."""

    app: FastAPI
    settings: Settings
    url: str
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def db(self) -> Database:
        database: Database = self.app.state.db
        return database

    def client(self, **headers: str) -> httpx.Client:
        """A client without any credential."""
        made = httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20)
        self.clients.append(made)
        return made

    def browser(self) -> httpx.Client:
        """A client that says where its requests come from, as a browser on our pages does."""
        return self.client(origin=self.url, accept="text/html")

    def add_user(self, name: str, role: str = "member", *, submit_code: bool = False) -> int:
        user = User(
            username=name,
            password_hash=_hashed(),
            role=role,
            submit_code=submit_code,
            created_at=utcnow(),
        )
        with self.db.write() as session:
            store.add(session, user)
            return user.id

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Client:
        """A browser in which that user is logged in."""
        browser = self.browser()
        answer = browser.post("/login", data={"username": name, "password": password})
        assert answer.status_code == 303, answer.text
        return browser

    def setup_token(self) -> str:
        link = read_link(self.settings)
        assert link is not None
        return link.token


Serve = Callable[[Settings], Served]


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """Serve that home on a free loopback port until the block ends."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = settings.model_copy(update={"port": port})
    place_migrated(settings)
    app = create_app(settings)
    config = uvicorn.Config(app, log_level="warning", proxy_headers=False, server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    served = Served(app, settings, f"http://127.0.0.1:{port}")
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive(), what="the server")
        assert server.started, "the server did not start"
        yield served
    finally:
        for client in served.clients:
            client.close()
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
        assert not thread.is_alive()
