"""What runs inside a TensorBoard child before TensorBoard does; executed as a file, never imported by the app.

A server that is killed cannot stop its children, so a child watches for that itself, twice: the kernel sends
SIGKILL when the thread that started it is gone (PR_SET_PDEATHSIG), and a thread here ends the process when
the pipe on stdin, which only the server holds, reaches its end. Both are set here and not between fork and
exec, where a server with threads must not run Python code.

Usage: launcher.py PARENT_PID MODULE_OR_FILE [ARGUMENT…]
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import types

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Make sure that this process does not outlive `parent`."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # The parent may have died before the line above; then we belong to somebody else by now.
    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=_exit_at_end_of_stdin, name="stdin", daemon=True).start()


def _exit_at_end_of_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def run(target: str, arguments: list[str]) -> None:
    """Run a module (or a file, when it ends in .py) as the main program with these arguments."""
    # TensorBoard uses TensorFlow's file system when TensorFlow is installed: two seconds more to start, for
    # remote folders that we never show. This name is TensorBoard's own switch for its stand-in.
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
    sys.argv = [target, *arguments]
    if target.endswith(".py"):
        runpy.run_path(target, run_name="__main__")
    else:
        runpy.run_module(target, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    run(sys.argv[2], sys.argv[3:])
