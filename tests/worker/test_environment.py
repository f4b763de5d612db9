"""What a run may see of the worker's environment, and the shapes of what passes between them."""

from pathlib import Path

from worker.environment import allowed_environment
from worker.fence import Fence, Renewals
from worker.spec import LaunchSpec, load_spec


def test_only_what_is_known_and_no_secret_passes() -> None:
    source = {
        "PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "CUDA_HOME": "/c", "OMP_NUM_THREADS": "2", "https_proxy": "p",
        "DANLU_DATABASE_URL": "postgresql://u:p@h/d", "DANLU_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "s",
        "HF_TOKEN": "t", "HF_HOME": "/hf", "PGPASSWORD": "p", "SSH_AUTH_SOCK": "/s", "MY_SETTING": "1",
    }  # fmt: skip
    assert set(allowed_environment(source)) == {
        "PATH", "HOME", "LC_ALL", "CUDA_HOME", "OMP_NUM_THREADS", "https_proxy", "HF_HOME", "GOMP_SPINCOUNT",
    }  # fmt: skip


def test_threads_wait_as_the_worker_was_told_and_shortly_where_it_was_not() -> None:
    assert allowed_environment({}) == {"GOMP_SPINCOUNT": "10000"}
    assert allowed_environment({"GOMP_SPINCOUNT": "7"}) == {"GOMP_SPINCOUNT": "7"}
    assert allowed_environment({"OMP_WAIT_POLICY": "PASSIVE"}) == {"OMP_WAIT_POLICY": "PASSIVE"}


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    (tmp_path / ".danlu").mkdir()
    spec = LaunchSpec(
        run_id=3, attempt=2, run_dir=tmp_path, recipe="rings", recipes_dir=tmp_path / "r", params={"é": [1, None]},
        device="cuda", visible_devices="GPU-1", seed=2**32 - 1, threads=4, processes=2, env={"A": "b"}, log_limit=9,
    )  # fmt: skip
    spec.save()
    assert load_spec(tmp_path) == spec
    assert spec.environment()["DANLU_RUN_ID"] == "3"
    assert spec.environment()["DANLU_PROCESSES"] == "2"
    assert "DANLU_PROCESSES" not in LaunchSpec(**{**spec.__dict__, "processes": 1}).environment()
    assert LaunchSpec(**{**spec.__dict__, "env": {"DANLU_RUN_ID": "9"}}).environment()["DANLU_RUN_ID"] == "3"


def test_the_fence() -> None:
    renewals = Renewals(stop_after=40, kill_after=50, last=100)
    assert [renewals.verdict(now) for now in (100, 139.9, 140, 149.9, 150, 1000)] == [
        Fence.HOLD, Fence.HOLD, Fence.STOP, Fence.STOP, Fence.KILL, Fence.KILL,
    ]  # fmt: skip
    renewals.last = 145
    assert renewals.verdict(150) is Fence.HOLD
