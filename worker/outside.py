"""Runs a script as `__main__` in an interpreter that is not the worker's own process: started anew, a venv's, uv's.

`python outside.py RUN_DIR ENTRYPOINT ARGS…`, in the run's folder. It writes down what the interpreter has, and then the
script is run as `python ENTRYPOINT ARGS…` would run it. It stands alone: nothing but the standard library is there,
of Python 3.8 or later. The warm process uses its parts as well.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import types
from importlib.machinery import SourceFileLoader

TYPE_CHECKING = False  # importing `typing` costs every cold start a few milliseconds
if TYPE_CHECKING:
    from typing import Any

PROVISIONAL = os.path.join(".danlu", "outcome.json")
RECORD = os.path.join(".danlu", "environment.json")
_DIST = re.compile(r"^(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info$")


def main() -> None:
    """Record, then become the script."""
    run_dir, entrypoint, args = sys.argv[1], sys.argv[2], sys.argv[3:]
    if os.environ.get("RANK", "0") == "0":
        with open(os.path.join(run_dir, RECORD), encoding="utf-8") as file:
            known = json.load(file)
        record(run_dir, {**known, **describe()})
        # The run's process had written what is true as long as this line is not reached.
        try:
            os.unlink(os.path.join(run_dir, PROVISIONAL))
        except OSError:
            pass
    _no_bytecode_in(run_dir)
    seed_on_import(int(os.environ.get("DANLU_SEED", "0")))
    path = os.path.join(run_dir, entrypoint)
    sys.argv[:] = [entrypoint, *args]
    set_orig_argv(args, entrypoint)
    sys.path[0] = os.path.dirname(path)
    module = main_module(path)
    try:
        execute(module, path)
    except SystemExit:
        raise
    except BaseException:
        hook = sys.excepthook

        def report(kind: Any, error: Any, frames: Any) -> None:
            frames = without(frames, __file__)
            hook(kind, error.with_traceback(frames), frames)

        sys.excepthook = report
        raise


def _no_bytecode_in(run_dir: str) -> None:
    """Keep compiled files out of the run's folder; those of installed packages are worth their while."""
    keep = SourceFileLoader._cache_bytecode  # type: ignore[attr-defined]

    def cache(self: Any, source_path: str, cache_path: str, data: bytes) -> None:
        if not source_path.startswith(run_dir):
            keep(self, source_path, cache_path, data)

    SourceFileLoader._cache_bytecode = cache  # type: ignore[attr-defined]


def main_module(path: str) -> types.ModuleType:
    """A new `__main__`, with the names that Python gives it when it runs the file at this path."""
    module = types.ModuleType("__main__")
    names = module.__dict__
    names.update(__file__=path, __cached__=None, __builtins__=sys.modules["builtins"])
    if sys.version_info < (3, 14):
        names["__annotations__"] = {}
    names["__loader__"] = SourceFileLoader("__main__", path)
    sys.modules["__main__"] = module
    if "__mp_main__" in sys.modules:
        sys.modules["__mp_main__"] = module
    return module


def execute(module: types.ModuleType, path: str) -> None:
    """Compile the file and run it in the module. Raises whatever it raises."""
    with open(path, "rb") as file:
        source = file.read()
    code = compile(source, path, "exec", dont_inherit=True)
    del source, file
    exec(code, module.__dict__)


def without(frames: types.TracebackType | None, *files: str) -> types.TracebackType | None:
    """A traceback from the first frame on that is not of these files."""
    while frames is not None and frames.tb_frame.f_code.co_filename in files:
        frames = frames.tb_next
    return frames


def set_orig_argv(args: list[str], entrypoint: str) -> None:
    """`sys.orig_argv` (Python 3.10) as of `python ENTRYPOINT ARGS…`."""
    if sys.version_info >= (3, 10):
        sys.orig_argv[:] = [sys.executable, entrypoint, *args]


def seed_on_import(seed: int) -> None:
    """Seed Python's generator now, and numpy's and torch's global ones as soon as they are imported."""
    import random

    random.seed(seed)
    sys.meta_path.insert(0, _Seeding(seed))


class _Seeding:
    """Finds a module as everybody else does, and adds one call behind its execution."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._waiting: dict[str, Any] = {
            "numpy": lambda numpy: numpy.random.seed(seed % 2**32),
            "torch": lambda torch: torch.manual_seed(seed),
        }

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Of `importlib.abc.MetaPathFinder`."""
        del target
        seed = self._waiting.pop(name, None)
        if seed is None or path is not None or os.path.exists(os.path.join(sys.path[0], name)):
            return None
        if not self._waiting:
            sys.meta_path.remove(self)
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name)
        if (
            spec is None
            or spec.loader is None
            or spec.origin is None
            or not spec.origin.endswith("__init__.py")
        ):
            return spec
        run = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            run(module)
            seed(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def record(run_dir: str, values: dict[str, Any]) -> None:
    """Write the environment's record into the run's folder; a full disk costs the record, never the run."""
    path = os.path.join(run_dir, RECORD)
    try:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(values, file)
        os.replace(path + ".new", path)
    except OSError as error:
        sys.stderr.write(f"danlu: the environment cannot be recorded: {error}\n")


def describe() -> dict[str, Any]:
    """What this interpreter is and what is installed for it. Folder names are read, no package is."""
    packages, torch_dir = installed(sys.path)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "packages": packages,
        "torch": packages.get("torch"),
        "cuda": _cuda(torch_dir),
    }


def installed(paths: list[str]) -> Any:
    """Versions by name of the packages on these paths, the first one where there are two, and torch's folder."""
    packages: dict[str, str] = {}
    torch_dir = None
    for folder in paths:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            found = _DIST.match(name)
            if found:
                packages.setdefault(re.sub(r"[-_.]+", "-", found.group(1)).lower(), found.group(2))
        if torch_dir is None and "torch" in names:
            torch_dir = os.path.join(folder, "torch")
    return dict(sorted(packages.items())), torch_dir


def _cuda(torch_dir: str | None) -> str | None:
    """The CUDA version that torch was built for, as its own file says."""
    if torch_dir is None:
        return None
    try:
        with open(os.path.join(torch_dir, "version.py"), encoding="utf-8") as file:
            found = re.search(r"^cuda(?:: [^=]+)? = '([^']+)'", file.read(), re.MULTILINE)
    except OSError:
        return None
    return found.group(1) if found else None


if __name__ == "__main__":
    main()
