"""TensorBoard beside a notebook or a script, with the words of ``tensorboard.notebook``.

>>> from danlu import notebook
>>> notebook.start("--logdir ./data/tensorboard")
'http://127.0.0.1:6006/'
>>> notebook.list()
Known TensorBoard instances:
  - port 6006: logdir ./data/tensorboard (started 0:00:12 ago; pid 4321)
>>> notebook.stop()

What is started here ends with this Python, however that ends. Importing this module imports neither torch nor
TensorBoard.
"""

import argparse
import atexit
import datetime as dt
import os
import shlex
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from danlu import localboard
from danlu.localboard import LocalBoard

__all__ = ["list", "start", "stop"]

HEIGHT = 800
"""Height in pixels of the frame in a notebook."""

_running: "dict[int, LocalBoard]" = {}
"""By pid, in the order of their start."""


def start(args: str, *, quiet: bool = False) -> str | None:
    """Start a TensorBoard and show it: as a frame in a notebook, as an address elsewhere.

    One that was started here with the same arguments in the same folder is shown again instead; another ``--port``
    than its own makes a new one. It listens on 127.0.0.1 unless ``--host`` or ``--bind_all`` says otherwise. When
    ``--port`` is taken, any free one is used.

    Inside a run of Danlu nothing is started: the experiment's page has the TensorBoard of its runs.

    Args:
        args: the arguments of the command ``tensorboard``, split as a shell does; ``--logdir FOLDER`` is needed.
        quiet: show and print nothing.

    Returns:
        its address; None inside a run.

    Raises:
        ValueError: there is no ``--logdir``, or the arguments cannot be split.
        RuntimeError: TensorBoard ended at once; the message has its last words.
        TimeoutError: it does not serve after a minute.
    """
    say = _say_nothing if quiet else print
    arguments = _split(args)
    known = _parse(arguments)
    if (run := _run_id()) is not None:
        say(
            f"This is run {run} of Danlu: TensorBoard is on the page of its experiment, so none is started here."
        )
        return None
    board = _find(known)
    if board is not None:
        say(f"TensorBoard runs already (pid {board.pid}, started {_age(board)} ago).")
    else:
        board = _launch(arguments, known)
        _running[board.pid] = board
        if known.port not in {None, "0", str(board.port)}:
            say(f"Port {known.port} is taken; port {board.port} is used instead.")
    url = _url(board, known.host)
    if not quiet:
        _show(board, url)
    return url


def list() -> None:  # noqa: A001 - the name of tensorboard.notebook
    """Print what was started here and still runs: port, log folder, age and pid."""
    _forget_ended()
    if not _running:
        print("No known TensorBoard instances running.")
        return
    print("Known TensorBoard instances:")
    for board in _running.values():
        print(f"  - port {board.port}: logdir {board.logdir} (started {_age(board)} ago; pid {board.pid})")


def stop(port: int | None = None) -> None:
    """Stop the TensorBoard at ``port``; without one, every one that was started here.

    Raises:
        ValueError: none that was started here listens on that port.
    """
    _forget_ended()
    chosen = [board for board in _running.values() if port in {None, board.port}]
    if port is not None and not chosen:
        ports = ", ".join(str(board.port) for board in _running.values()) or "none"
        raise ValueError(f"no TensorBoard that was started here listens on port {port}; known ports: {ports}")
    for board in chosen:
        _end(board)


def _say_nothing(_text: str) -> None:
    """Print nothing."""


def _run_id() -> str | None:
    """The run of Danlu that this process is, or belongs to as one of its children."""
    from danlu.running import current_run

    run = current_run()
    return str(run.id) if run else os.environ.get("DANLU_RUN_ID") or None


def _split(args: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(args, comments=True))
    except ValueError as error:
        raise ValueError(f"the arguments {args!r} cannot be split: {error}") from error


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The few arguments that matter here; TensorBoard reads all of them itself."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--logdir", "--logdir_spec", "--port", "--host"):
        parser.add_argument(name)
    parser.add_argument("--bind_all", action="store_true")
    try:
        known, rest = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise ValueError(f"TensorBoard's arguments: {error}") from error
    known.rest = rest
    known.logdir = known.logdir or known.logdir_spec
    if not known.logdir:
        raise ValueError('TensorBoard needs a folder to show, as in start("--logdir ./data/tensorboard")')
    return known


def _find(known: argparse.Namespace) -> LocalBoard | None:
    """One that runs with these arguments, at that port if one is wanted."""
    _forget_ended()
    for board in _running.values():
        its = _parse(board.arguments)
        same = {**vars(its), "port": None} == {**vars(known), "port": None}
        # A relative folder means another one in another place.
        if same and board.cwd == str(Path.cwd()) and known.port in {None, "0", its.port, str(board.port)}:
            return board
    return None


def _launch(arguments: tuple[str, ...], known: argparse.Namespace) -> LocalBoard:
    """Start one that serves; at another port when the wanted one is taken."""
    extra = () if known.host or known.bind_all else ("--host", "127.0.0.1")
    board, words = localboard.serve(arguments, known.logdir, extra)
    if board is None and known.port is not None and "already in use" in words:
        board, words = localboard.serve(arguments, known.logdir, (*extra, "--port", "0"))
    if board is None:
        raise RuntimeError(f"TensorBoard ended instead of serving; it said:\n{words}")
    return board


def _url(board: LocalBoard, host: str | None) -> str:
    """Where this machine's browser finds it."""
    if host in {None, "0.0.0.0", "::"}:  # noqa: S104 - compared only
        host = "127.0.0.1"
    address = f"[{host}]" if ":" in str(host) else host
    return f"http://{address}:{board.port}{board.path_prefix}/"


def _end(board: LocalBoard) -> None:
    del _running[board.pid]
    localboard.end(board)


def _forget_ended() -> None:
    """Clean up after those that ended by themselves, or that somebody killed."""
    for board in tuple(_running.values()):
        if not board.runs():
            _end(board)


@atexit.register
def _end_all() -> None:
    for board in tuple(_running.values()):
        if board.owner == os.getpid():
            _end(board)


def _age(board: LocalBoard) -> dt.timedelta:
    return dt.timedelta(seconds=int(time.monotonic() - board.started))


def _show(board: LocalBoard, url: str) -> None:
    """A frame where a notebook's kernel runs, else the address."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not shell.has_trait("kernel"):
        print(f"TensorBoard is at {url} as long as this program runs.")
        return
    # By name: IPython is there in a notebook, and nowhere else is it needed, not even by the type checker.
    shown: Any = import_module("IPython.display")
    # TensorBoard's own variable, for servers that reach the kernel's ports through a proxy.
    proxied = os.environ.get("TENSORBOARD_PROXY_URL", "").replace("%PORT%", str(board.port))
    shown.display(shown.IFrame(proxied or url, width="100%", height=HEIGHT))
