"""A real warm process, shared by the tests, and recipes that misbehave in every way that a user's may."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import supervisor
from supervisor import StartWorker, Supervisor, check_invariants
from waiting import wait_for

from app.config import Settings
from app.db import Database
from worker.launch import Handle, Launcher
from worker.spec import LaunchSpec

RECIPES = """
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path

import torch
from pydantic import Field

import danlu
from danlu.recipe import NonFiniteLoss


class P(danlu.Params):
    code: int = Field(0, description="An exit code.")
    text: str = Field("", description="What to say.")


def tell(run, name, text=""):
    (run.dir / name).write_text(str(text))


@danlu.recipe(params=P, summary="Prints and returns.")
def fine(params, run):
    print("hello", params.text)
    tell(run, "first_line", time.time())

@danlu.recipe(params=P, summary="Trains one step.")
def train(params, run):
    w = torch.nn.Parameter(torch.randn(3, device=run.device))
    torch.optim.SGD([w], lr=0.1)
    (w ** 2).sum().backward()
    print("weights", w.tolist(), "threads", torch.get_num_threads(), "device", run.device)
    run.board.scalar("loss/train", float(w.detach().sum()), 1)
    run.progress(step=1, total=2)

@danlu.recipe(params=P, summary="Leaves with a code.")
def leaves(params, run):
    sys.exit(params.code)

@danlu.recipe(params=P, summary="Leaves at once.")
def leaves_hard(params, run):
    os._exit(params.code)

@danlu.recipe(params=P, summary="Raises.")
def raises(params, run):
    raise {"value": ValueError, "memory": MemoryError, "runtime": RuntimeError}[params.text]("it is wrong")

@danlu.recipe(params=P, summary="CUDA's own words.")
def cuda_oom(params, run):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

@danlu.recipe(params=P, summary="Out of memory in a child's words only.")
def oom_text(params, run):
    print("RuntimeError: CUDA out of memory. Tried to allocate 20.00 GiB", file=sys.stderr)
    os._exit(1)

@danlu.recipe(params=P, summary="A full disk.")
def disk_full(params, run):
    raise OSError(28, "No space left on device")

@danlu.recipe(params=P, summary="Not a number.")
def nan(params, run):
    raise NonFiniteLoss(7, float("nan"))

@danlu.recipe(params=P, summary="Crashes.")
def segfault(params, run):
    ctypes.string_at(0)

@danlu.recipe(params=P, summary="Stops when asked.")
def polite(params, run):
    tell(run, "up", os.getpid())
    while not run.should_stop():
        time.sleep(0.01)
    tell(run, "saved")

@danlu.recipe(params=P, summary="Ignores every request.")
def stubborn(params, run):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    tell(run, "up", os.getpid())
    while True:
        time.sleep(1)

@danlu.recipe(params=P, summary="Leaves daemons behind.")
def daemons(params, run):
    subprocess.Popen(["sleep", "999"])
    subprocess.Popen(["sleep", "999"], start_new_session=True)
    subprocess.Popen(["sleep", "999"], env={}, start_new_session=True)
    subprocess.run(["sh", "-c", "nohup sleep 999 >/dev/null 2>&1 & setsid sleep 999 &"], check=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(3):
                os.close(fd)
            time.sleep(999)
        os._exit(0)
    tell(run, "up", os.getpid())
    if params.text == "stay":
        time.sleep(999)

@danlu.recipe(params=P, summary="Kills its parent.")
def parricide(params, run):
    subprocess.Popen(["sleep", "999"], start_new_session=True)
    subprocess.Popen(["sleep", "999"], env={}, start_new_session=True)
    tell(run, "up", os.getpid())
    os.kill(os.getppid(), 9)
    time.sleep(999)

@danlu.recipe(params=P, summary="Stops its parent.")
def stops_its_init(params, run):
    os.kill(os.getppid(), signal.SIGSTOP)
    tell(run, "up", os.getpid())
    time.sleep(999)

@danlu.recipe(params=P, summary="Never looks whether it should stop.")
def unaware(params, run):
    tell(run, "up", os.getpid())
    while not (run.dir / "go").exists():
        time.sleep(0.01)

@danlu.recipe(params=P, summary="Prints a lot.")
def flood(params, run):
    line = b"x" * 99 + b"\\n"
    block = line * 10_000
    for _ in range(params.code):
        sys.stdout.buffer.write(block)
    sys.stdout.write("the end\\n")

@danlu.recipe(params=P, summary="Tells its surroundings.")
def surroundings(params, run):
    import json
    tell(run, "env.json", json.dumps(dict(os.environ)))
    tell(run, "proc_env", Path("/proc/self/environ").read_bytes().decode().replace("\\0", "\\n"))
    print(sys.stdin.read() == "", os.getcwd() == str(run.dir), os.getpgid(0) == os.getpid())
    tell(run, "fds", sorted(os.listdir("/proc/self/fd"), key=int))

@danlu.recipe(params=P, summary="Scribbles where its news should be.")
def scribbler(params, run):
    for name in ("status.json", "log.json"):
        (run.dir / ".danlu" / name).unlink(missing_ok=True)
        os.mkfifo(run.dir / ".danlu" / name)
    print("done")
"""


@pytest.fixture(scope="session")
def recipes_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "odd.py").write_text(RECIPES)
    (folder / "broken.py").write_text("import danlu\nraise RuntimeError('this file is broken')\n")
    return folder


@pytest.fixture(scope="session")
def shared_launcher() -> Iterator[Launcher]:
    launcher = Launcher(preload="", max_forks=10_000)
    try:
        wait_for(lambda: _ticked(launcher).warm.ready, 60, "the warm process")
        yield launcher
    finally:
        launcher.close()


@pytest.fixture
def launcher(shared_launcher: Launcher) -> Iterator[Launcher]:
    yield shared_launcher
    for handle in list(shared_launcher.handles):
        shared_launcher.forget(handle)  # closing its channel makes its init kill the run


def _ticked(launcher: Launcher) -> Launcher:
    launcher.tick()
    return launcher


Launch = Callable[..., Handle]


@pytest.fixture
def launch(launcher: Launcher, recipes_dir: Path, tmp_path: Path) -> Launch:
    """Start a recipe: `launch("fine", text="x", _seed=3)`; names with an underscore change the spec."""

    def start(recipe: str, **params: Any) -> Handle:
        changes = {name[1:]: params.pop(name) for name in list(params) if name.startswith("_")}
        run_dir = tmp_path / recipe
        (run_dir / ".danlu").mkdir(parents=True, exist_ok=True)
        spec = LaunchSpec(
            run_id=7,
            attempt=1,
            run_dir=run_dir,
            recipe=recipe,
            recipes_dir=recipes_dir,
            params=params,
            device="cpu",
        )
        return launcher.submit(replace(spec, **changes))

    return start


@pytest.fixture
def start(settings: Settings, database: Database, recipes_dir: Path, tmp_path: Path) -> Iterator[StartWorker]:
    """Start workers on the home; all are stopped at the end, and the invariants hold. On both databases."""
    yield from _started(settings, database, recipes_dir, tmp_path)


@pytest.fixture
def start_sqlite(
    sqlite_settings: Settings, sqlite_database: Database, recipes_dir: Path, tmp_path: Path
) -> Iterator[StartWorker]:
    """The same on SQLite only, for what has nothing to do with the database."""
    yield from _started(sqlite_settings, sqlite_database, recipes_dir, tmp_path)


def _started(
    settings: Settings, database: Database, recipes_dir: Path, tmp_path: Path
) -> Iterator[StartWorker]:
    shutil.copytree(recipes_dir, settings.recipes_dir)
    started: list[Supervisor] = []

    def go(**changes: Any) -> Supervisor:
        one = supervisor.start(settings, tmp_path / "worker.log", **changes)
        started.append(one)
        return one

    try:
        yield go
        for one in started:
            one.stop()
        check_invariants(database, settings)
    finally:
        if (tmp_path / "worker.log").exists():
            sys.stderr.write((tmp_path / "worker.log").read_text()[-8000:])  # shown when the test failed
        for one in started:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()


RunScript = Callable[..., Handle]


@pytest.fixture
def run_script(launcher: Launcher, recipes_dir: Path, tmp_path: Path) -> RunScript:
    """Start a script: `run_script(source, "--lr", "1", _files={"util.py": …})`; other names with `_` change the spec."""

    def start(source: str, *args: str, **changes: Any) -> Handle:
        changes = {name[1:]: value for name, value in changes.items()}
        entrypoint = changes.pop("entrypoint", "train.py")
        number = len(list(tmp_path.glob("snapshot*")))
        snapshot, run_dir = (
            tmp_path / f"snapshot{number}",
            changes.pop("run_dir", tmp_path / f"script{number}"),
        )
        for path, text in {entrypoint: source, **changes.pop("files", {})}.items():
            file = snapshot / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o444)
        (run_dir / ".danlu").mkdir(parents=True, exist_ok=True)
        spec = LaunchSpec(
            run_id=7, attempt=1, run_dir=run_dir, recipe="", recipes_dir=recipes_dir, params={}, device="cpu",
            snapshot_dir=snapshot, entrypoint=changes.pop("command", entrypoint), args=list(args), fence_after=600, fence_kill_after=610,
        )  # fmt: skip
        return launcher.submit(replace(spec, **changes))

    return start
