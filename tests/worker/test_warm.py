"""When a warm process is replaced."""

import socket
import subprocess
from collections.abc import Iterator

import pytest

from worker import warm
from worker.warm import WarmPool, Zygote


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The state of the installed packages; warm processes that are ready at once stand in for real ones."""
    packages = [1]
    theirs = []

    def spawn(_preload: str) -> Zygote:
        ours, other = socket.socketpair()
        theirs.append(other)
        process = subprocess.Popen(["sleep", "999"])
        theirs.append(process)
        return Zygote(process, ours, ready=True, packages=tuple(packages))

    monkeypatch.setattr(warm, "spawn", spawn)
    monkeypatch.setattr(warm, "packages_state", lambda: tuple(packages))
    monkeypatch.setattr(warm, "_LOOK_SECONDS", 0.0)
    yield packages
    for end in theirs:
        if isinstance(end, socket.socket):
            end.close()
        else:
            end.kill()
            end.wait()


def test_it_is_replaced_when_packages_change(state: list[int]) -> None:
    pool = WarmPool("", max_forks=10)
    pool.tick()
    first = pool.current
    for _ in range(3):
        pool.tick()
    assert pool.current is first
    state[0] = 2
    pool.tick()
    assert (pool.current, pool.coming) != (first, None)
    pool.tick()
    assert pool.current is not None
    assert pool.current is not first
    assert pool.current.packages == (2,)
    second = pool.current
    pool.tick()
    assert (pool.current, pool.coming) == (second, None)
    pool.close()


def test_the_real_state_is_that_of_the_folder_of_packages() -> None:
    assert warm.packages_state()
    assert warm.packages_state() == warm.packages_state()
