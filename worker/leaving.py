"""The end of a run process: what Python does at its own, without tearing down modules.

Torch's teardown may crash a run that has succeeded, and takes longer than many a run.
"""

import atexit
import contextlib
import gc
import io
import sys
import threading
import traceback
from types import ModuleType

_BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def leave(main: ModuleType | None = None) -> None:
    """Wait for threads, call what was registered with atexit, and see to it that nothing written is lost.

    Args:
        main: a script's own module, whose objects are finalized as Python does it.
    """
    for ending in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined] # noqa: SLF001
        try:
            ending()
        except BaseException:  # noqa: BLE001 - the run's result stands already
            traceback.print_exc()
    _flush()  # before anything is dropped: out of a cycle, a file may go before the buffer in front of it
    # A daemon thread that still works would find its globals gone, and say so.
    if main is not None and threading.active_count() == 1:
        _let_go(main)
    _flush()


def _let_go(main: ModuleType) -> None:
    """Drop a module's globals in Python's own order: what they alone held is closed and deleted."""
    names = vars(main)
    for private in (True, False):
        for name in list(names):
            if name != "__builtins__" and (name.startswith("_") and name[1:2] != "_") is private:
                names[name] = None
    with contextlib.suppress(Exception):  # a finalizer's error is printed by Python; a callback's ends here
        gc.collect()


def _flush() -> None:
    """Write out the files that nobody has closed: Python does so when it ends."""
    for item in gc.get_objects():
        if type(item) in _BUFFERED:
            with contextlib.suppress(
                OSError, ValueError
            ):  # closed, or its disk is full: too late for anybody
                item.flush()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
