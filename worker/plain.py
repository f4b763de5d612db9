"""A fork of the warm process, made to look like a Python that has just been started with a script.

What `python train.py --lr 0.1` would find in `sys`, in `__main__` and in the modules that remember how the process began,
the script finds here as well. What it would import anew is already there; that is the point of it.
"""

import importlib.machinery
import logging
import multiprocessing
import multiprocessing.process
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from worker import outside

OURS = frozenset({"app", "worker"})
"""Packages of ours that no script asks for by accident: its own modules may have these names."""
_ours: list[str] = []
_kept: list[ModuleType] = []
"""What was forgotten: to take it apart would write to, and so copy, thousands of pages shared with the warm process."""
_MAIN_PROCESS = multiprocessing.current_process()
_READ_EARLY = (
    "PYTHON", "LD_", "DYLD_", "LC_", "LANG", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "NUMEXPR_", "MALLOC_",
    "GLIBC_", "TORCH", "PYTORCH_", "NPY_", "NUMPY_", "MPL", "PROTOCOL_BUFFERS_", "SYMPY_",
)  # fmt: skip


def why_not(env: Mapping[str, str], folder: Path) -> str | None:
    """Why a script cannot be run in a fork of this process; None where it can.

    Args:
        env: the variables that were asked for with the run.
        folder: the entrypoint's, first in the script's `sys.path`.
    """
    early = [name for name in env if name.startswith(_READ_EARLY) and name != "OMP_NUM_THREADS"]
    if early:
        return f"{', '.join(early)} is read when Python or a library starts"
    compiled = [name for name in _shadowed(folder) if _has_extensions(name)]
    if compiled:
        return f"the script's own module {', '.join(compiled)} has the name of one that is loaded"
    return None


def become(run_dir: Path, entrypoint: str, args: list[str], env: Mapping[str, str]) -> ModuleType:
    """Turn this process into one that was started as `python ENTRYPOINT ARGS…` in the run's folder.

    Returns:
        the new `__main__`, empty as yet.
    """
    path = run_dir / entrypoint
    _forget(_shadowed(path.parent))
    sys.argv[:] = [entrypoint, *args]
    outside.set_orig_argv(args, entrypoint)
    sys.path[0] = str(path.parent)  # in its place was the folder that the warm process was started in
    module = outside.main_module(str(path))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    multiprocessing.process.ORIGINAL_DIR = str(run_dir)  # type: ignore[attr-defined]
    # A rank is a child of torchrun's agent by multiprocessing; the script is to be nobody's.
    multiprocessing.process._current_process = _MAIN_PROCESS  # type: ignore[attr-defined] # noqa: SLF001
    multiprocessing.process._parent_process = None  # type: ignore[attr-defined] # noqa: SLF001
    multiprocessing.process._children = set()  # type: ignore[attr-defined] # noqa: SLF001
    multiprocessing.current_process().authkey = os.urandom(32)  # else it were the same in all runs
    tempfile.tempdir = None  # TMPDIR may be the run's own
    sys.dont_write_bytecode = True  # the folder is for what the script writes
    started = logging.makeLogRecord({}).created
    logging._startTime = type(logging._startTime)(  # type: ignore[attr-defined] # noqa: SLF001
        started * 1e9 if isinstance(logging._startTime, int) else started  # type: ignore[attr-defined] # noqa: SLF001
    )
    if "TZ" in env:
        time.tzset()
    return module


def survey() -> None:
    """Note which modules are ours, for all forks of this process: looking through two thousand names copies their pages."""
    _ours[:] = _below(OURS)


def _forget(shadowed: frozenset[str]) -> None:
    """Take our packages, and these, out of `sys.modules`; code of ours that runs on keeps its references."""
    if not _ours:
        survey()
    for name in (*_ours, *(_below(shadowed) if shadowed else ())):
        module = sys.modules.pop(name, None)
        if module is not None:
            _kept.append(module)


def _below(packages: frozenset[str]) -> list[str]:
    """The names of the loaded modules of these packages."""
    return [name for name in sys.modules if name.partition(".")[0] in packages]


def _shadowed(folder: Path) -> frozenset[str]:
    """Loaded top-level modules whose names a script finds in its own folder first."""
    found = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name, dot, suffix = entry.name.partition(".")
                is_module = dot and (suffix == "py" or f".{suffix}" in importlib.machinery.EXTENSION_SUFFIXES)
                if is_module or (name in sys.modules and Path(entry.path, "__init__.py").is_file()):
                    found.add(name)
    except OSError:
        return frozenset()
    loaded = {name for name in found if name in sys.modules and name != "__main__"}
    return frozenset(name for name in loaded if not _at_start(name))


def _at_start(name: str) -> bool:
    """Whether Python loads this module for itself before any script, so that no script's own is ever found."""
    frozen = importlib.machinery.FrozenImporter.find_spec(name) is not None
    return frozen or name in sys.builtin_module_names


def _has_extensions(package: str) -> bool:
    """Whether compiled modules of this package are loaded: they cannot be loaded a second time."""
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    return any(
        name.partition(".")[0] == package and str(getattr(module, "__file__", None)).endswith(suffixes)
        for name, module in list(sys.modules.items())
    )
