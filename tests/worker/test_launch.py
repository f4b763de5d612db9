"""Real run processes, forked from a real warm process: how they start, end, and what is left of them."""

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from attempts import ended, running
from waiting import wait_for

from app.runs.logfile import LOG_NAME, log_size, read_log, tail_log
from app.runs.untrusted import read_object
from worker.launch import Exited, Handle, Launcher, Lost, Queued
from worker.outcome import Facts, decide
from worker.spec import OUTCOME_FILE, STATUS_FILE


def outcome(launcher: Launcher, handle: Handle) -> tuple[str, str | None, int | None]:
    state = ended(launcher, handle)
    folder = handle.spec.run_dir
    facts = Facts(state, 1, own=read_object(folder / OUTCOME_FILE), log_tail=tail_log(folder, 50).data)
    decided = decide(facts)
    return str(decided.reason), decided.detail, decided.exit_code


def marked(run_dir: Path) -> list[int]:
    """Every live process that carries the run's marker."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("DANLU_RUN_DIR") == str(run_dir):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def sleepers() -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "999"]]


def test_a_recipe_runs_and_ends(launch, launcher: Launcher) -> None:
    handle = launch("fine", text="world")
    assert isinstance(handle.state, Queued)
    assert outcome(launcher, handle) == ("completed", None, 0)
    assert read_log(handle.spec.run_dir).data == b"hello world\n"
    assert marked(handle.spec.run_dir) == []


@pytest.mark.parametrize(
    ("recipe", "params", "reason", "detail", "code"),
    [
        ("leaves", {"code": 0}, "completed", None, 0),
        ("leaves", {"code": 1}, "exit_code", "exit code 1", 1),
        ("leaves", {"code": 77}, "exit_code", "exit code 77", 77),
        ("leaves_hard", {"code": 0}, "completed", None, 0),
        ("leaves_hard", {"code": 77}, "exit_code", "exit code 77", 77),
        ("raises", {"text": "value"}, "exception", "ValueError: it is wrong", 1),
        ("raises", {"text": "memory"}, "out_of_memory", "MemoryError: it is wrong", 1),
        ("cuda_oom", {}, "out_of_memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", 1),
        ("disk_full", {}, "disk_full", "OSError: [Errno 28] No space left on device", 1),
        ("nan", {}, "non_finite_loss", "the loss is nan at step 7; a lower learning rate may help", 1),
        ("segfault", {}, "signal", "killed by SIGSEGV (11)", -11),
        ("fine", {"txt": "x"}, "bad_params", "txt: Extra inputs are not permitted", 1),
        ("scribbler", {}, "completed", None, 0),
    ],
)
def test_each_end_has_its_reason(launch, launcher: Launcher, recipe, params, reason, detail, code) -> None:
    assert outcome(launcher, launch(recipe, **params)) == (reason, detail, code)


def test_out_of_memory_is_seen_in_the_log(launch, launcher: Launcher) -> None:
    reason, detail, code = outcome(launcher, launch("oom_text"))
    assert (reason, code) == ("out_of_memory", 1)
    assert (
        detail == "exit code 1; its log says: RuntimeError: CUDA out of memory. Tried to allocate 20.00 GiB"
    )


def test_an_unknown_recipe_names_those_there_are_and_the_broken_file(launch, launcher: Launcher) -> None:
    reason, detail, _ = outcome(launcher, launch("nope"))
    assert reason == "bad_params"
    assert "fine" in str(detail)
    assert "this file is broken" in str(detail)


def test_a_device_that_is_not_there(launch, launcher: Launcher) -> None:
    reason, detail, _ = outcome(launcher, launch("fine", _device="cuda", _visible_devices="GPU-none"))
    assert reason == "bad_device"
    assert "there is: cpu" in str(detail)


def test_an_exception_leaves_its_traceback_from_the_recipe_on(launch, launcher: Launcher) -> None:
    handle = launch("raises", text="value")
    ended(launcher, handle)
    log = read_log(handle.spec.run_dir).data.decode()
    assert "odd.py" in log
    assert "ValueError: it is wrong" in log
    assert "worker/run.py" not in log


def test_seed_and_threads_are_set_and_the_news_are_written(launch, launcher: Launcher) -> None:
    logs = []
    for _ in range(2):
        handle = launch("train", _seed=5, _threads=2)
        assert outcome(launcher, handle)[0] == "completed"
        logs.append(tail_log(handle.spec.run_dir, 1).data)
        launcher.forget(handle)
    assert logs[0] == logs[1]
    assert b"threads 2 device cpu" in logs[0]
    assert read_object(handle.spec.run_dir / STATUS_FILE) == {"phase": "training", "step": 1, "total": 2}
    assert list(handle.spec.run_dir.glob("events.out.tfevents.*"))


def test_the_run_sees_only_what_it_needs(launch, launcher: Launcher) -> None:
    handle = launch("surroundings", text="é", _env={"MY_OWN": "1", "DANLU_RUN_ID": "999"}, _seed=3)
    assert outcome(launcher, handle)[0] == "completed"
    folder = handle.spec.run_dir
    env = json.loads((folder / "env.json").read_text())
    assert {k: v for k, v in env.items() if k.startswith("DANLU_")} == {
        "DANLU_RUN_ID": "7",
        "DANLU_RUN_DIR": str(folder),
        "DANLU_ATTEMPT": "1",
        "DANLU_PARAMS": '{"text": "\\u00e9"}',
        "DANLU_DEVICE": "cpu",
        "DANLU_SEED": "3",
    }
    assert (env["MY_OWN"], env["CUDA_VISIBLE_DEVICES"], env["PYTHONUNBUFFERED"]) == ("1", "", "1")
    assert "OPENBLAS_NUM_THREADS" not in env
    assert read_log(folder).data == b"True True True\n"
    assert "DANLU_RUN_ID=7" in (folder / "proc_env").read_text().split("\n")
    assert "####" not in (folder / "proc_env").read_text()


def test_a_cancel_lets_the_recipe_save_first(launch, launcher: Launcher) -> None:
    handle = launch("polite")
    running(launcher, handle)
    launcher.cancel(handle, 30)
    launcher.cancel(handle, 30)
    assert ended(launcher, handle) == Exited(0)
    assert (handle.spec.run_dir / "saved").exists()
    assert read_object(handle.spec.run_dir / OUTCOME_FILE)["stopped"] is True


def test_who_ignores_the_request_is_killed_after_the_grace(launch, launcher: Launcher) -> None:
    handle = launch("stubborn")
    running(launcher, handle)
    asked = time.monotonic()
    launcher.cancel(handle, 60)
    launcher.cancel(handle, 0.3)  # sooner
    assert ended(launcher, handle) == Exited(-signal.SIGKILL)
    assert 0.25 < time.monotonic() - asked < 5


@pytest.mark.parametrize("how", ["", "stay"])
def test_no_daemon_survives(launch, launcher: Launcher, how: str) -> None:
    before = set(sleepers())
    handle = launch("daemons", text=how)
    wait_for((handle.spec.run_dir / "up").exists, 30, "the daemons")
    if how:
        assert len(set(sleepers()) - before) == 5
        assert len(marked(handle.spec.run_dir)) >= 6
        launcher.cancel(handle, 0)
    ended(launcher, handle)
    assert set(sleepers()) <= before
    assert marked(handle.spec.run_dir) == []


def test_a_run_that_kills_its_parent_is_lost_and_gone(launch, launcher: Launcher) -> None:
    before = set(sleepers())
    handle = launch("parricide")
    state = ended(launcher, handle)
    assert state == Lost(True, "its init process was killed")
    wait_for(lambda: set(sleepers()) <= before, 5, "its daemons to be killed")
    assert marked(handle.spec.run_dir) == []
    assert outcome(launcher, launch("fine"))[0] == "completed"


def test_a_run_that_stops_its_init_is_killed_all_the_same(
    launch, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.launch.KILL_SECONDS", 0.2)
    monkeypatch.setattr("worker.launch._LATE_SECONDS", 0.2)
    handle = launch("stops_its_init")
    running(launcher, handle)
    launcher.cancel(handle, 0.1)
    assert ended(launcher, handle) == Lost(started=True, detail="its init process was killed")
    assert marked(handle.spec.run_dir) == []


def test_a_flood_of_output_is_capped(launch, launcher: Launcher) -> None:
    handle = launch("flood", code=200, _log_limit=4 << 20)  # 200 MB
    assert ended(launcher, handle, 60) == Exited(0)
    folder = handle.spec.run_dir
    assert log_size(folder) == 200 * 1_000_000 + len("the end\n")
    assert (folder / LOG_NAME).stat().st_size <= 4 << 20
    assert tail_log(folder, 1).data == b"the end\n"
    assert read_log(folder, 0, 100).data == b"x" * 99 + b"\n"


def test_a_lease_that_is_not_renewed_ends_the_run(launch, launcher: Launcher) -> None:
    handle = launch("stubborn", _fence_after=0.5, _fence_kill_after=1.0)
    running(launcher, handle)
    state = ended(launcher, handle)
    assert state == Exited(-signal.SIGKILL, fenced=True)


def test_renewals_hold_the_fence_back(launch, launcher: Launcher) -> None:
    handle = launch("polite", _fence_after=1.5, _fence_kill_after=60.0)
    running(launcher, handle)
    until = time.monotonic() + 2.5

    def renewed() -> bool:
        launcher.renew(handle)
        return time.monotonic() > until

    wait_for(renewed, 10, "time to pass")
    running(launcher, handle)
    assert isinstance(ended(launcher, handle), Exited)  # now nobody renews


def test_a_later_attempt_appends_to_the_log(launch, launcher: Launcher) -> None:
    ended(launcher, launch("fine"))
    handle = launch("fine", _attempt=2)
    ended(launcher, handle)
    assert read_log(handle.spec.run_dir).data == b"hello \n--- attempt 2 ---\nhello \n"


def test_recipes_are_described_with_what_is_broken(launcher: Launcher, recipes_dir: Path) -> None:
    described = launcher.describe(recipes_dir)

    def result():
        launcher.tick()
        return described.result()

    found = wait_for(result, 20, "the description")
    fine = next(recipe for recipe in found["recipes"] if recipe["name"] == "fine")
    assert fine["summary"] == "Prints and returns."
    assert fine["schema"]["properties"]["text"]["description"] == "What to say."
    assert list(found["errors"].values()) == ["RuntimeError: this file is broken (line 2)"]


def test_fifty_runs_leave_no_zombie_and_no_descriptor(launch, launcher: Launcher) -> None:
    process = psutil.Process()
    before = process.num_fds()
    zygote = psutil.Process(launcher.warm.current.process.pid)
    zygote_before = zygote.num_fds()
    for _ in range(50):
        handle = launch("leaves_hard")
        assert ended(launcher, handle) == Exited(0)
        launcher.forget(handle)
    assert process.num_fds() <= before + 2
    wait_for(lambda: not zygote.children(), 5, "the zygote to have reaped everything")
    assert zygote.num_fds() == zygote_before


def test_the_warm_process_has_one_thread_and_no_cuda(launcher: Launcher) -> None:
    zygote = psutil.Process(launcher.warm.current.process.pid)
    assert zygote.num_threads() == 1
    assert not any("nvidia" in item.path for item in zygote.open_files())
    assert os.getsid(zygote.pid) == zygote.pid
