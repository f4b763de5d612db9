"""Scripts in other interpreters than the worker's own process: started anew, of a venv, by uv, in a shell."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import wait_for

from scripts import kept, log_of, outcome, record_of, text_of
from worker.interpreters import choose
from worker.launch import Launcher
from worker.outcome import Asked
from worker.spec import LaunchSpec

needs_uv = pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv")
TELLS = """
import json, os, sys
print(json.dumps({"name": __name__, "argv": sys.argv, "orig": sys.orig_argv[1:], "path": sys.path[0], "prefix": sys.prefix,
    "file": __file__, "cwd": os.getcwd(), "executable": sys.executable, "virtual": os.environ.get("VIRTUAL_ENV"),
    "first": os.environ["PATH"].split(":")[0], "spec": __spec__, "names": sorted(globals())}))
"""


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with one package and nothing of the worker's."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next((folder / "lib").glob("python3*/site-packages"))
    (site / "tiny.py").write_text("VERSION = '1.5'\n")
    (site / "Tiny_Package-1.5.dist-info").mkdir()
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that can be installed without a network."""
    path = tmp_path_factory.mktemp("wheels") / "tiny-1.5-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "VERSION = '1.5'\n")
        info = "tiny-1.5.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.5\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_venv(launcher: Launcher, run_script: Any, venv: Path) -> None:
    handle = run_script(
        "import tiny\n" + TELLS + "print(tiny.VERSION)",
        "--x",
        _environment_name="venv:tiny",
        _python=str(venv / "bin" / "python"),
    )
    folder = str(handle.spec.run_dir)
    told, version = text_of(launcher, handle).splitlines()
    found = json.loads(told)
    assert version == "1.5"
    assert found["prefix"] == found["virtual"] == str(venv)
    assert found["first"] == str(venv / "bin")
    assert (found["name"], found["argv"], found["orig"]) == (
        "__main__",
        ["train.py", "--x"],
        ["train.py", "--x"],
    )
    assert (found["path"], found["file"], found["cwd"]) == (folder, f"{folder}/train.py", folder)
    assert "record" not in found["names"]
    record = record_of(handle)
    assert record["packages"] == {"tiny-package": "1.5"}
    assert (record["environment"], record["start"], record["torch"]) == ("venv:tiny", "cold", None)
    assert record["executable"] == str(venv / "bin" / "python")


@pytest.mark.parametrize("environment", ["worker", "cold", "venv:tiny"])
def test_nothing_is_left_of_the_code(
    environment: str, launcher: Launcher, run_script: Any, venv: Path
) -> None:
    files = {"src/__init__.py": "", "src/deep.py": "X = 1\n", "data/in.csv": "1"}
    handle = run_script(
        "import src.deep\nprint(src.deep.X)", _files=files, _environment_name=environment,
        _python=str(venv / "bin" / "python"),
    )  # fmt: skip
    assert text_of(launcher, handle) == "1\n"
    assert kept(handle.spec.run_dir) == []


def test_interpreters_that_are_not_there(launcher: Launcher, run_script: Any, tmp_path: Path) -> None:
    handle = run_script("print(1)", _environment_name="venv:gone", _python=str(tmp_path / "python"))
    reason, detail, _ = outcome(launcher, handle)
    assert (reason, detail) == (
        "bad_environment",
        f"environment 'gone': this machine has no interpreter at {tmp_path}/python",
    )
    assert detail is not None
    assert detail in log_of(handle)
    handle = run_script("print(1)", _environment_name="venv:never")
    assert outcome(launcher, handle)[:2] == (
        "bad_environment",
        "no environment named 'never' is registered; an admin adds it in the settings",
    )


def test_an_interpreter_that_cannot_start(launcher: Launcher, run_script: Any, tmp_path: Path) -> None:
    for number, (text, said) in enumerate((
        ("#!/bin/sh\necho 'error: no such library' >&2\nexit 1\n", "could not be provided: error: no such library"),
        ("#!/no/such/program\n", "cannot be executed: No such file or directory"),
        ("garbage", "cannot be executed: Exec format error"),
    )):  # fmt: skip
        python = tmp_path / f"python{number}"
        python.write_text(text)
        python.chmod(0o755)
        handle = run_script("print(1)", _environment_name="venv:broken", _python=str(python))
        reason, detail, _ = outcome(launcher, handle)
        assert (reason, str(detail)[-len(said) :]) == ("bad_environment", said)


def test_a_script_of_another_interpreter_that_fails_is_its_own_fault(
    launcher: Launcher, run_script: Any, venv: Path
) -> None:
    python = str(venv / "bin" / "python")
    handle = run_script("import torch", _environment_name="venv:tiny", _python=python)
    assert outcome(launcher, handle)[:2] == ("exit_code", "exit code 1")
    assert "ModuleNotFoundError: No module named 'torch'" in log_of(handle)
    assert "outside.py" not in log_of(handle)


def test_a_shell(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(
        "import sys; print(sys.argv, sys.executable)",
        "a b",
        _environment_name="shell",
        _command="set -e; echo $0; python train.py --x",
    )
    assert (
        text_of(launcher, handle) == f"{shutil.which('bash')}\n['train.py', '--x', 'a b'] {sys.executable}\n"
    )
    assert record_of(handle)["environment"] == "shell"
    handle = run_script("", _environment_name="shell", _command="no-such-program")
    assert outcome(launcher, handle)[:2] == ("exit_code", "exit code 127")


def test_a_project_in_another_encoding_is_uv_s_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/uv")
    (tmp_path / "train.py").write_text("print(1)")
    (tmp_path / "pyproject.toml").write_bytes(b'[project]\nname = "caf\xe9"\n')
    spec = LaunchSpec(
        run_id=7, attempt=1, run_dir=tmp_path, recipe="", recipes_dir=tmp_path, params={}, device="cpu",
        snapshot_dir=tmp_path, entrypoint="train.py", environment_name="uv", fence_after=600, fence_kill_after=610,
    )  # fmt: skip
    assert str(tmp_path) in choose(spec).argv


SAVES = """
import os, pathlib, signal, sys, time
def save(*_):
    time.sleep(0.2)
    pathlib.Path("saved").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
pathlib.Path("pid").write_text(str(os.getpid()))
pathlib.Path("pid").rename("up")
time.sleep(600)
"""


def test_what_a_shell_has_started_may_save_when_it_is_cancelled(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(SAVES, _environment_name="shell", _command="python train.py; echo never")
    wait_for((handle.spec.run_dir / "up").exists, 60, "the script")
    launcher.cancel(handle, 30)
    assert outcome(launcher, handle, Asked.CANCEL)[0] == "cancelled_by_user"
    assert (handle.spec.run_dir / "saved").exists()
    assert "never" not in log_of(handle)


def test_what_a_shell_has_started_gets_no_more_than_the_grace(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(
        SAVES.replace("sys.exit(0)", "return"), _environment_name="shell", _command="python train.py; true"
    )
    wait_for((handle.spec.run_dir / "up").exists, 60, "the script")
    launcher.cancel(handle, 1)
    assert outcome(launcher, handle, Asked.CANCEL)[0] == "cancelled_by_user"
    assert not psutil.pid_exists(int((handle.spec.run_dir / "up").read_text()))


def test_files_that_are_missing(launcher: Launcher, run_script: Any, tmp_path: Path) -> None:
    for entrypoint, said in (
        ("other.py", "the snapshot has no file 'other.py'"),
        ("../train.py", "the entrypoint '../train.py' lies outside of the snapshot"),
        ("/etc/passwd", "the entrypoint '/etc/passwd' lies outside of the snapshot"),
        ("", "the entrypoint '' lies outside of the snapshot"),
    ):
        handle = run_script("print(1)", _command=entrypoint)
        assert outcome(launcher, handle)[:2] == ("bad_environment", said)
        assert f"danlu: {said}" in log_of(handle)
    handle = run_script("print(1)", _snapshot_dir=tmp_path / "nowhere")
    assert outcome(launcher, handle)[:2] == (
        "bad_environment", "the snapshot of this run is not on this machine; submit the code again",
    )  # fmt: skip


OFFLINE = {"UV_OFFLINE": "1"}


@needs_uv
def test_a_script_that_names_its_requirements(launcher: Launcher, run_script: Any, wheel: Path) -> None:
    block = (
        f'# /// script\n# requires-python = ">=3.11"\n# dependencies = ["tiny @ {wheel.as_uri()}"]\n# ///\n'
    )
    handle = run_script(
        block + "import tiny, sys\nprint('tiny', tiny.VERSION, sys.argv, __name__)",
        "--y",
        _environment_name="uv",
        _env=OFFLINE,
    )
    text = text_of(launcher, handle)
    assert text.splitlines()[-1] == "tiny 1.5 ['train.py', '--y'] __main__"
    assert record_of(handle)["packages"] == {"tiny": "1.5"}


@needs_uv
def test_requirements_and_projects(launcher: Launcher, run_script: Any, wheel: Path) -> None:
    project = f'[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["tiny @ {wheel.as_uri()}"]\n'
    for files in ({"requirements.txt": f"{wheel}\n"}, {"pyproject.toml": project}):
        handle = run_script(
            "import tiny\nprint(tiny.VERSION)", _entrypoint="src/train.py", _files=files, _environment_name="uv",
            _env=OFFLINE,
        )  # fmt: skip
        assert text_of(launcher, handle).splitlines()[-1] == "1.5"
        assert not (handle.spec.run_dir / ".venv").exists()


@needs_uv
def test_requirements_that_cannot_be_met(launcher: Launcher, run_script: Any) -> None:
    files = {"requirements.txt": "no-such-package-of-danlu==99\n"}
    handle = run_script("print(1)", _files=files, _environment_name="uv", _env=OFFLINE)
    reason, detail, code = outcome(launcher, handle)
    assert reason == "bad_environment"
    assert "no-such-package-of-danlu" in str(detail)
    assert code not in {0, None}
    assert "No solution found" in log_of(handle)


@needs_uv
def test_a_script_that_does_not_say_what_it_needs(launcher: Launcher, run_script: Any) -> None:
    handle = run_script("print(1)", _environment_name="uv")
    assert outcome(launcher, handle)[0] == "bad_environment"
    handle = run_script("# /// script\n# dependencies = [\n# ///\n", _environment_name="uv")
    assert "PEP 723 block of train.py is no TOML" in str(outcome(launcher, handle)[1])


def test_a_cancel_while_the_environment_is_made_is_a_cancel(
    launcher: Launcher, run_script: Any, tmp_path: Path
) -> None:
    python = tmp_path / "slow"
    python.write_text("#!/bin/sh\ntouch up\nexec sleep 60\n")
    python.chmod(0o755)
    handle = run_script("print(1)", _environment_name="venv:slow", _python=str(python))
    wait_for((handle.spec.run_dir / "up").exists, 20, "the interpreter to be up")
    launcher.cancel(handle, 5)
    assert outcome(launcher, handle, Asked.CANCEL)[0] == "cancelled_by_user"
