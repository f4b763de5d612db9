"""Waiting for attempts."""

from waiting import wait_for

from worker.launch import Exited, Handle, Launcher, Lost, Running


def ended(launcher: Launcher, handle: Handle, timeout: float = 30) -> Exited | Lost:
    """Wait until the attempt is over."""

    def probe() -> Exited | Lost | None:
        launcher.tick()
        return handle.state if isinstance(handle.state, Exited | Lost) else None

    state = wait_for(probe, timeout, f"the end of {handle.spec.recipe}")
    assert state is not None
    return state


def running(launcher: Launcher, handle: Handle, mark: str = "up") -> Running:
    """Wait until the recipe has written its mark."""
    wait_for((handle.spec.run_dir / mark).exists, 30, f"{handle.spec.recipe} to be up")
    launcher.tick()
    assert isinstance(handle.state, Running)
    return handle.state
