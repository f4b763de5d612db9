"""Scripts that misbehave: one clear reason, nothing left of them, and the next run is fine."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from attempts import ended
from waiting import wait_for

from app.runs.logfile import log_size
from scripts import kept, log_of, outcome, text_of
from worker.launch import Exited, Launcher, Lost
from worker.outcome import Asked, Facts, decide


@pytest.fixture(autouse=True)
def goes_on(launcher: Launcher, run_script: Any, tmp_path: Path) -> Iterator[None]:
    """After each of them: no process carries its marker, and another run of the same worker is fine."""
    yield
    wait_for(
        lambda: not marked(tmp_path), 10, "the runs' processes to be gone"
    )  # their inits end behind their reports
    assert text_of(launcher, run_script("print('fine')")) == "fine\n"


def marked(folder: Path) -> list[psutil.Process]:
    """Processes of runs below this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DANLU_RUN_DIR", "").startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_it_prints_gigabytes(launcher: Launcher, run_script: Any) -> None:
    source = "import sys\nblock = b'x' * 99 + b'\\n'\nblock *= 100_000\nfor _ in range(30): sys.stdout.buffer.write(block)\n"
    handle = run_script(source + "print('the end')", _log_limit=2 << 20)
    state = ended(launcher, handle, 120)
    assert isinstance(state, Exited)
    assert state.status == 0
    assert log_size(handle.spec.run_dir) == 300_000_000 + len("the end\n")
    assert (handle.spec.run_dir / "stdout.log").stat().st_size <= 2 << 20
    assert log_of(handle).endswith("the end\n")


def test_it_prints_one_endless_line_of_no_text(launcher: Launcher, run_script: Any) -> None:
    handle = run_script("import os\nfor _ in range(200): os.write(1, bytes(range(256)) * 64)")
    assert outcome(launcher, handle)[0] == "completed"


def test_it_forks_and_daemonises(launcher: Launcher, run_script: Any) -> None:
    source = """
import os, subprocess, sys, time
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(3): os.close(fd)
            time.sleep(999)
        time.sleep(999)
subprocess.Popen(["sleep", "999"], env={}, start_new_session=True)
subprocess.run(["bash", "-c", "nohup sleep 999 & disown; setsid sleep 999 & disown"])
sys.exit(5)
"""
    before = len(psutil.pids())
    handle = run_script(source)
    assert outcome(launcher, handle) == ("exit_code", "exit code 5", 5)
    assert isinstance(handle.state, Exited)
    assert handle.state.left == ()
    assert len(psutil.pids()) < before + 20


def test_it_becomes_a_daemon_itself(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(
        "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nprint('daemon')\ntime.sleep(999)"
    )
    assert outcome(launcher, handle)[0] == "completed"


def test_it_ignores_every_request(launcher: Launcher, run_script: Any) -> None:
    source = """
import signal, time
from pathlib import Path
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT): signal.signal(number, signal.SIG_IGN)
Path("up").touch()
while True:
    try: time.sleep(999)
    except BaseException: pass
"""
    handle = run_script(source)
    wait_for((handle.spec.run_dir / "up").exists, 20, "the script to be up")
    launcher.cancel(handle, 0.5)
    assert outcome(launcher, handle, Asked.CANCEL) == ("cancelled_by_user", None, -signal.SIGKILL)


def test_sigterm_ends_a_script_that_says_nothing_of_it(launcher: Launcher, run_script: Any) -> None:
    handle = run_script("import pathlib, time\npathlib.Path('up').touch()\ntime.sleep(999)")
    wait_for((handle.spec.run_dir / "up").exists, 20, "the script to be up")
    asked = time.monotonic()
    launcher.cancel(handle, 30)
    assert outcome(launcher, handle, Asked.CANCEL) == ("cancelled_by_user", None, -signal.SIGTERM)
    assert time.monotonic() - asked < 15


@pytest.mark.parametrize("ending", ["sys.exit(0)", "raise RuntimeError('stopped')"])
def test_a_script_that_hears_sigterm_was_cancelled(ending: str, launcher: Launcher, run_script: Any) -> None:
    source = f"""
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path("saved").touch()
    {ending}
signal.signal(signal.SIGTERM, stop)
pathlib.Path("up").touch()
time.sleep(999)
"""
    handle = run_script(source)
    wait_for((handle.spec.run_dir / "up").exists, 20, "the script to be up")
    launcher.cancel(handle, 30)
    assert outcome(launcher, handle, Asked.CANCEL)[0] == "cancelled_by_user"
    assert (handle.spec.run_dir / "saved").exists()


@pytest.mark.parametrize("ending", ["", "\nraise ValueError('gone')", "\nimport sys; sys.exit(3)"])
def test_it_deletes_its_directory(ending: str, launcher: Launcher, run_script: Any) -> None:
    source = "import os, shutil\nshutil.rmtree(os.getcwd())\nprint('still here', os.path.exists(__file__))"
    handle = run_script(source + ending)
    reason, _, code = outcome(launcher, handle)
    assert (reason, code) == {"": ("completed", 0)}.get(ending, ("exit_code", 3 if "exit" in ending else 1))
    assert not handle.spec.run_dir.exists()


def test_it_puts_another_folder_in_the_place_of_its_own(
    launcher: Launcher, run_script: Any, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "train.py").write_text("precious")
    handle = run_script(
        f"import os\nhere = os.getcwd()\nos.rename(here, here + '-moved')\nos.symlink({str(victim)!r}, here)"
    )
    state = ended(launcher, handle)
    assert isinstance(state, Exited)
    assert state.status == 0
    assert (victim / "train.py").read_text() == "precious"
    assert [path.name for path in victim.iterdir()] == ["train.py"]


def test_it_takes_away_what_is_the_workers(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(
        "import os, shutil\nshutil.rmtree('.danlu')\nos.remove('stdout.log')\nos.mkdir('stdout.log')\nprint(1)"
    )
    assert outcome(launcher, handle)[0] == "completed"
    handle = run_script(
        "import os, shutil\nshutil.rmtree('.danlu')\nopen('.danlu', 'w')\nraise ValueError('x')"
    )
    assert outcome(launcher, handle)[0] == "exit_code"


def test_it_closes_its_output(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(
        "import os, sys\nfor fd in range(64):\n    try: os.close(fd)\n    except OSError: pass\nopen('made', 'w').close()"
    )
    assert outcome(launcher, handle)[0] == "completed"
    assert kept(handle.spec.run_dir) == ["made"]
    handle = run_script("import sys\nsys.stdout.close()\nsys.stderr.close()\nraise ValueError('unheard')")
    assert outcome(launcher, handle)[:2] == ("exception", "ValueError: unheard")


def test_it_kills_its_own_group(launcher: Launcher, run_script: Any) -> None:
    handle = run_script("import os, signal\nos.killpg(0, signal.SIGKILL)")
    assert outcome(launcher, handle)[:2] == ("signal", "killed by SIGKILL (9)")


def test_it_runs_out_of_memory(launcher: Launcher, run_script: Any) -> None:
    source = "import resource, psutil\nused = psutil.Process().memory_info().vms\n"
    source += "resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)\nx = bytearray(1 << 30)"
    handle = run_script(source)
    assert outcome(launcher, handle)[:2] == ("out_of_memory", "MemoryError")


def test_it_fills_its_disk(launcher: Launcher, run_script: Any) -> None:
    full = "f = open('/dev/full', 'wb', buffering=0)\nf.write(b'x')"
    reason, detail, _ = outcome(launcher, run_script(full))
    assert (reason, detail) == ("disk_full", "OSError: [Errno 28] No space left on device")
    quota = "import errno\nraise OSError(errno.EDQUOT, 'Disk quota exceeded')"
    assert outcome(launcher, run_script(quota))[0] == "disk_full"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=200", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_it_fills_the_disk_that_its_log_is_on(launcher: Launcher, run_script: Any, small_disk: Path) -> None:
    source = "print('writing')\nwith open('big', 'wb') as f:\n    while True: f.write(bytes(1 << 16))"
    handle = run_script(source, _run_dir=small_disk / "run")
    reason, detail, _ = outcome(launcher, handle)
    assert reason == "disk_full"
    assert "No space left on device" in str(detail)
    handle = run_script("print(1)", _files={"data.bin": "x" * (8 << 20)}, _run_dir=small_disk / "other")
    state = ended(launcher, handle)
    assert isinstance(state, Lost)
    assert decide(Facts(state, 1)).reason == "disk_full"


def test_it_recurses_and_crashes(launcher: Launcher, run_script: Any) -> None:
    handle = run_script("def f(): f()\nf()")
    assert outcome(launcher, handle)[0] == "exception"
    assert len(log_of(handle)) < 5000
    handle = run_script("import ctypes\nctypes.string_at(0)")
    assert outcome(launcher, handle)[:2] == ("signal", "killed by SIGSEGV (11)")
    assert "Segmentation fault" in log_of(handle)
    assert "train.py" in log_of(handle)


def test_its_threads_never_end(launcher: Launcher, run_script: Any) -> None:
    handle = run_script(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(999,)).start()\nprint('body', flush=True)"
    )
    wait_for(
        lambda: "body" in log_of(handle) if (handle.spec.run_dir / "stdout.log").exists() else False,
        20,
        "its output",
    )
    launcher.cancel(handle, 0.5)
    assert outcome(launcher, handle, Asked.CANCEL)[0] == "cancelled_by_user"
    handle = run_script(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(999,), daemon=True).start()"
    )
    assert outcome(launcher, handle)[0] == "completed"
