"""What runs a script: the warm process's own Python, the same started anew, another environment's, uv's, or a shell."""

import io
import os
import re
import shlex
import shutil
import sys
import tokenize
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from app.runs.words import Reason
from danlu.scriptform import patch_constants
from worker import outside, plain
from worker.confession import Stop, write_outcome
from worker.spec import LaunchSpec

VENV = "venv:"
_BLOCK = re.compile(r"(?m)^# /// script\s*$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_REQUIREMENTS = "requirements.txt"
_here: dict[str, Any] = {}


class BadEnvironmentError(Exception):
    """What is to run the script is not there, or its code is not."""


@dataclass(frozen=True)
class Start:
    """How a script is started."""

    argv: list[str] = field(default_factory=list)
    """Of the program that this process becomes; empty: the script runs in this process."""
    why: str | None = None
    """Why a script that could have started warm does not."""


def survey() -> None:
    """Look once at what this interpreter has, for the records of all its forks."""
    _here.update(outside.describe())


def prepare(spec: LaunchSpec) -> None:
    """See that the script is there, and give its constants their values.

    Raises:
        BadEnvironmentError: it is not, or lies outside of the snapshot.
        OSError: it cannot be read or written.
    """
    if spec.snapshot_dir is None or not spec.snapshot_dir.is_dir():
        raise BadEnvironmentError("the snapshot of this run is not on this machine; submit the code again")
    if spec.environment_name == "shell":
        return
    pure = PurePosixPath(spec.entrypoint)
    if not spec.entrypoint or pure.is_absolute() or ".." in pure.parts:
        raise BadEnvironmentError(f"the entrypoint {spec.entrypoint!r} lies outside of the snapshot")
    path = spec.run_dir / spec.entrypoint
    if not path.is_file():
        raise BadEnvironmentError(f"the snapshot has no file {spec.entrypoint!r}")
    if spec.constants:
        _patch(path, spec.constants)


def _patch(path: Path, constants: dict[str, Any]) -> None:
    source = path.read_bytes()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    patched = patch_constants(source.decode(encoding), constants).encode(encoding)
    if patched != source:
        path.write_bytes(patched)


def choose(spec: LaunchSpec) -> Start:
    """How this script is to be started.

    Raises:
        BadEnvironmentError: with what is missing, and what to do about it.
    """
    name = spec.environment_name
    if name == "worker":
        why = plain.why_not(spec.env, (spec.run_dir / spec.entrypoint).parent)
        return Start(_python(sys.executable, spec), why) if why else Start()
    if name == "cold":
        return Start(_python(sys.executable, spec))
    if name == "shell":
        return Start(_shell(spec))
    if name == "uv":
        return Start(_uv(spec))
    if name.startswith(VENV):
        return Start(_python(_registered(spec), spec))
    raise BadEnvironmentError(f"this worker knows no environment {name!r}")


def become(spec: LaunchSpec, start: Start) -> NoReturn:
    """Replace this process by the program; all that is around it (log, leases, cleaning) stays.

    Raises:
        BadEnvironmentError: it cannot be executed.
    """
    outside.record(str(spec.run_dir), {**known(spec), "start": "cold", "why": start.why})
    if spec.environment_name != "shell":
        # True until the interpreter is up: `worker.outside` takes it back. The supervisor adds the tool's own words.
        stop = Stop()
        stop.ask()
        detail = f"the environment {spec.environment_name} could not be provided"
        write_outcome(spec, Reason.BAD_ENVIRONMENT, detail, stop, provisional=True)
    try:
        os.execve(start.argv[0], start.argv, surroundings(spec, start.argv[0]))  # noqa: S606 - a list, no shell
    except OSError as error:
        raise BadEnvironmentError(f"{start.argv[0]} cannot be executed: {error.strerror}") from error


def known(spec: LaunchSpec) -> dict[str, Any]:
    """What stands in the record of any environment."""
    # Another environment's own bootstrap says what it has; a shell finds this one first on its PATH.
    here = {} if _foreign(spec) else _here
    return {
        **spec.record,
        **here,
        "environment": spec.environment_name,
        "attempt": spec.attempt,
        "threads": spec.threads,
    }


def surroundings(spec: LaunchSpec, program: str) -> dict[str, str]:
    """The variables of another program: its own folder comes first on the PATH, as in an activated environment."""
    values = dict(os.environ)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"):
        if _foreign(spec) and name not in spec.env:
            values.pop(name, None)
    python = Path(program if spec.environment_name.startswith(VENV) else sys.executable)
    if spec.environment_name != "uv":
        values["PATH"] = _first(str(python.parent), values.get("PATH", os.defpath))
        root = python.parent.parent
        if (root / "pyvenv.cfg").is_file():
            values["VIRTUAL_ENV"] = str(root)
        elif (root / "conda-meta").is_dir():
            values["CONDA_PREFIX"] = str(root)
    values.setdefault("OMP_NUM_THREADS", str(spec.threads))
    if not _foreign(spec):  # whose own packages may never have been compiled
        values.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    return values


def _foreign(spec: LaunchSpec) -> bool:
    """Whether the interpreter is not the worker's own."""
    return spec.environment_name == "uv" or spec.environment_name.startswith(VENV)


def _first(folder: str, path: str) -> str:
    return os.pathsep.join([folder, *(part for part in path.split(os.pathsep) if part != folder)])


def _python(python: str, spec: LaunchSpec) -> list[str]:
    return [python, *_script(spec)]


def _script(spec: LaunchSpec) -> list[str]:
    """What follows the interpreter on the command line."""
    together = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(spec.processes)]
    ranks = together if spec.processes > 1 else []
    return [*ranks, outside.__file__, str(spec.run_dir), spec.entrypoint, *spec.args]


def _registered(spec: LaunchSpec) -> str:
    name = spec.environment_name.removeprefix(VENV)
    if spec.python is None:
        raise BadEnvironmentError(
            f"no environment named {name!r} is registered; an admin adds it in the settings"
        )
    if not os.access(spec.python, os.X_OK) or not Path(spec.python).is_file():
        raise BadEnvironmentError(f"environment {name!r}: this machine has no interpreter at {spec.python}")
    return spec.python


def _shell(spec: LaunchSpec) -> list[str]:
    bash = shutil.which("bash")
    if bash is None:
        raise BadEnvironmentError("this machine has no bash")
    return [bash, "-c", " ".join([spec.entrypoint, *map(shlex.quote, spec.args)])]


def _uv(spec: LaunchSpec) -> list[str]:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if uv is None:
        raise BadEnvironmentError("this worker has no uv; install it there: pip install uv")
    # An environment of its own, made of links into uv's cache: nothing of another project's or the worker's is in it.
    return [uv, "run", "--isolated", *_needs(spec), "--", "python", *_script(spec)]


def _needs(spec: LaunchSpec) -> list[str]:
    """Where uv finds what the script needs: in its PEP 723 block, or in the nearest pyproject.toml or requirements.txt.

    Raises:
        BadEnvironmentError: nowhere, or there is something that is no TOML.
    """
    script = spec.run_dir / spec.entrypoint
    block = _BLOCK.search(script.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n"))
    if block is not None:
        lines = (line.removeprefix("# ").removeprefix("#") for line in block["content"].splitlines())
        wanted = _toml("\n".join(lines), f"the PEP 723 block of {spec.entrypoint}").get("requires-python")
        python = ["--python", str(wanted)] if wanted else []
        return ["--no-project", *python, "--with-requirements", str(script)]
    for folder in (script.parent, *script.parent.parents):
        project = folder / "pyproject.toml"
        if project.is_file() and "project" in _toml(
            project.read_text(encoding="utf-8", errors="replace"), project.name
        ):
            return ["--project", str(folder)]
        if (folder / _REQUIREMENTS).is_file():
            return ["--no-project", "--with-requirements", str(folder / _REQUIREMENTS)]
        if folder == spec.run_dir:
            break
    raise BadEnvironmentError(
        f"{spec.entrypoint} does not say what it needs: give it a PEP 723 block, or add {_REQUIREMENTS} or pyproject.toml"
    )


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadEnvironmentError(f"{where} is no TOML: {error}") from error
