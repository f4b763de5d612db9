"""The warm process: imports torch once, and forks a run's init process whenever the supervisor asks for one.

`python -m worker.zygote FD PARENT` with FD one end of a unix socket pair. It runs no tensor operation, starts no
thread and never touches CUDA, because nothing of that survives a fork. It answers

- `{"op": "fork", "run_dir": …}` with one descriptor: the run's channel (see `worker.runinit`);
- `{"op": "recipes", "folder": …}` with one descriptor: a forked child imports the recipes, the user's own files
  included, writes `{"recipes": […], "errors": {…}}` there and ends.

It says `{"event": "ready", "torch": version}` once, or `{"event": "failed", "detail"}`, and ends when the socket does.
"""

import gc
import importlib
import json
import linecache
import os
import select
import signal
import socket
import sys
import traceback
import weakref
from pathlib import Path
from typing import Any, NoReturn

from worker import process

WARM_MODULES = (
    "numpy", "torch", "torch._dynamo", "torch.utils.tensorboard", "psutil", "threadpoolctl", "danlu.recipe", "danlu.board",
    "danlu.trainer", "danlu.keras", "danlu.callbacks", "danlu.metrics", "danlu.netsummary",
    "worker.runinit", "worker.run", "worker.script", "worker.recipes",
)  # fmt: skip
_FORK_FAILED = "the warm process cannot fork"


def main() -> None:
    """Import, then serve until the supervisor closes the socket."""
    fd, parent = int(sys.argv[1]), int(sys.argv[2])
    process.die_with_parent(parent=parent)
    process.become_subreaper()
    process.set_name("danlu-zygote")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    address = process.mark_address()
    preload = os.environ.pop("DANLU_PRELOAD", "")
    os.environ.pop(process.MARK_NAME, None)
    with socket.socket(fileno=fd) as supervisor:
        try:
            warm_up([name.strip() for name in preload.split(",") if name.strip()])
        except Exception as error:
            traceback.print_exc()
            _say(supervisor, event="failed", detail=f"{type(error).__name__}: {error}")
            raise SystemExit(1) from error
        _say(supervisor, event="ready", torch=sys.modules["torch"].__version__)
        _serve(supervisor, address)


def warm_up(preload: list[str]) -> None:
    """Import what runs need. OpenBLAS would start its threads on import: it is held to one until the fork."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in (*WARM_MODULES, *preload):
        importlib.import_module(module)
    del os.environ["OPENBLAS_NUM_THREADS"]
    _faster_crc()
    _survey()
    _no_farewells()
    linecache.clearcache()  # of torch's sources: no script asks for them
    gc.collect()
    gc.freeze()  # collections in the forks leave the shared pages alone


def _survey() -> None:
    """Look once at what all forks would look at."""
    from worker import interpreters, plain, torchsetup

    interpreters.survey()
    plain.survey()
    torchsetup.survey()


def _no_farewells() -> None:
    """Torch registers hundreds of finalizers that undo its imports at the end, a tenth of a second of every run's life.

    The memory goes with the process; what a run itself registers is not touched.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined] # noqa: SLF001
        finalizer.atexit = False


def _faster_crc() -> None:
    """TensorBoard's checksum is pure Python and most of the cost of a scalar: put the C one in its place."""
    import google_crc32c
    from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

    def crc32c(data: bytes) -> int:
        return int(google_crc32c.value(bytes(data)))

    pywrap_tensorflow.crc32c = crc32c  # masked_crc32c and every writer look it up there


def _serve(supervisor: socket.socket, address: int | None) -> None:
    runs: set[int] = set()
    wake_read, wake_write = os.pipe()
    for fd in (wake_read, wake_write):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    while True:
        ready, _, _ = select.select([supervisor.fileno(), wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            _bury(runs)
        if supervisor.fileno() not in ready:
            continue
        # Each request is one small message with its own descriptor; the kernel never merges two of those.
        data, fds, _, _ = socket.recv_fds(supervisor, 1 << 14, 1)
        if not data:
            return
        with socket.socket(fileno=fds[0]) as channel:
            request = json.loads(data)
            try:
                pid = os.fork()
            except OSError as error:  # too many processes, or no memory: the supervisor tries again later
                _say(channel, event="failed", detail=f"{_FORK_FAILED}: {error}", number=error.errno)
                continue
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for fd in (supervisor.fileno(), wake_read, wake_write):
                    os.close(fd)
                _child(request, channel, address)
            runs.add(pid)


def _bury(runs: set[int]) -> None:
    """Reap; where an init process was killed, kill what its run had left, which are our children by now."""
    for pid, status in process.reap():
        known = pid in runs
        runs.discard(pid)
        if known and os.WIFSIGNALED(status):
            process.kill_descendants(2.0, spare=runs.__contains__)


def _child(request: dict[str, Any], channel: socket.socket, address: int | None) -> NoReturn:
    code = 1
    try:
        if request["op"] == "fork":
            from worker.runinit import serve
            from worker.spec import load_spec

            serve(channel, load_spec(Path(request["run_dir"])), address)
        _describe(channel, Path(request["folder"]))
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may climb back into the serving loop
        traceback.print_exc()
    finally:
        os._exit(code)


def _describe(channel: socket.socket, folder: Path) -> None:
    """Send every recipe, or why its file cannot be loaded."""
    from danlu.recipe import load_recipes
    from worker.spec import RECIPE_MODULES

    sys.path.append(str(folder))
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    recipes, errors = load_recipes(folder if folder.is_dir() else None, RECIPE_MODULES)
    found = []
    for recipe in recipes.values():
        try:
            schema = recipe.schema()
        except Exception as error:  # noqa: BLE001 - pydantic cannot describe every type
            errors[recipe.source] = f"{recipe.name}: {type(error).__name__}: {error}"
            continue
        found.append(
            {"name": recipe.name, "summary": recipe.summary, "schema": schema, "source": recipe.source}
        )
    channel.sendall(json.dumps({"recipes": found, "errors": errors}).encode())


def _say(channel: socket.socket, **values: Any) -> None:
    channel.sendall(json.dumps(values).encode() + b"\n")


if __name__ == "__main__":
    main()
