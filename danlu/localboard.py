"""One TensorBoard beside this program: start it, wait until it serves, end it; no TensorBoard is imported here.

This file is also what the child runs. Its stdin is a pipe that only the program holds: the pipe's end is the child's
end, whatever the program died of, a killed kernel included.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
"""How long a TensorBoard may take until it serves; a cold disk needs a while."""
STOP_SECONDS = 3.0
"""How long it may take to end after SIGTERM before it is killed."""
_LOG = "tensorboard.log"
_LAST_LINES = 8


@dataclass
class LocalBoard:
    """A TensorBoard that was started here.

    Attributes:
        arguments: as the user gave them.
        cwd: the working directory then; relative folders in the arguments mean something there only.
        logdir: what it shows.
        folder: private: its TMPDIR, with its log and its info file.
        popen: the child.
        owner: the process that started it; a fork of that one must leave it alone.
        started: time.monotonic().
        port: where it listens; 0 until it serves.
        path_prefix: of its addresses, "" or "/something".
    """

    arguments: tuple[str, ...]
    cwd: str
    logdir: str
    folder: Path
    popen: "subprocess.Popen[bytes]"
    owner: int = field(default_factory=os.getpid)
    started: float = field(default_factory=time.monotonic)
    port: int = 0
    path_prefix: str = ""

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self.popen.pid

    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.popen.poll() is None


def serve(arguments: tuple[str, ...], logdir: str, extra: Sequence[str]) -> tuple[LocalBoard | None, str]:
    """Start one with ``arguments`` and ``extra`` and wait until it serves.

    Returns:
        the board and ""; or None and TensorBoard's last words when it ended instead.

    Raises:
        TimeoutError: it does not serve after START_SECONDS; it is stopped.
    """
    board = _spawn(arguments, logdir, extra)
    try:
        info = _wait(board)
        words = "" if info else _last_words(board)
    except BaseException:  # an interrupted cell too must leave nothing behind
        end(board)
        raise
    if info is None:
        end(board)
        return None, words
    board.port, board.path_prefix = int(info["port"]), str(info.get("path_prefix") or "")
    return board, ""


def end(board: LocalBoard) -> None:
    """SIGTERM, SIGKILL when that takes too long, and remove its folder. What has ended is cleaned up only."""
    if board.runs():
        board.popen.terminate()
        try:
            board.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            board.popen.kill()
            board.popen.wait()
    if board.popen.stdin:
        board.popen.stdin.close()
    shutil.rmtree(board.folder, ignore_errors=True)


def _spawn(arguments: tuple[str, ...], logdir: str, extra: Sequence[str]) -> LocalBoard:
    folder = Path(tempfile.mkdtemp(prefix="danlu-tensorboard-"))
    with (folder / _LOG).open("wb") as log:
        popen = subprocess.Popen(
            # -P: neither this folder nor the user's may hide a module of the library.
            [sys.executable, "-P", __file__, *arguments, *extra],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,  # Ctrl+C is meant for the program alone
        )
    return LocalBoard(arguments, str(Path.cwd()), logdir, folder, popen)


def _wait(board: LocalBoard) -> dict[str, Any] | None:
    """What TensorBoard writes down about itself once it serves; None when it ended instead."""
    path = board.folder / ".tensorboard-info" / f"pid-{board.pid}.info"
    deadline = time.monotonic() + START_SECONDS
    while board.runs():
        # Not there yet, or half written.
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            info: dict[str, Any] = json.loads(path.read_bytes())
            return info
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"TensorBoard does not serve after {START_SECONDS:.0f} s:\n{_last_words(board)}"
            )
        time.sleep(0.05)
    return None


def _last_words(board: LocalBoard) -> str:
    lines = (board.folder / _LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LAST_LINES:])


def _end_with_stdin() -> None:
    """In the child: end when the program does, and leave nothing behind."""
    while os.read(0, 4096):
        pass
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    from tensorboard.main import run_main

    run_main()
