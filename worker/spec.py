"""What a launcher hands to the process that will run an attempt: plain data, written to a file in the run's folder."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LAUNCH_FILE = Path(".danlu") / "launch.json"
STATUS_FILE = Path(".danlu") / "status.json"
OUTCOME_FILE = Path(".danlu") / "outcome.json"
RECIPE_MODULES = ("worker.recipes",)
_PATHS = ("run_dir", "recipes_dir", "snapshot_dir")


@dataclass(frozen=True)
class LaunchSpec:
    """One attempt of one run. Seconds and bytes."""

    run_id: int
    attempt: int
    run_dir: Path
    recipe: str
    recipes_dir: Path
    params: dict[str, Any]
    device: str
    """As the recipe sees it: cpu, cuda or mps."""
    visible_devices: str = ""
    """CUDA_VISIBLE_DEVICES; empty hides every GPU."""
    seed: int = 0
    threads: int = 1
    """Of torch, in each process."""
    processes: int = 1
    """How many train together; on CUDA there are as many devices in `visible_devices`."""
    env: dict[str, str] = field(default_factory=dict)
    snapshot_dir: Path | None = None
    """The code of a script run; None: a recipe is run."""
    entrypoint: str = ""
    """Of the script, relative to the snapshot; with the environment `shell`, a command line."""
    args: list[str] = field(default_factory=list)
    environment_name: str = "worker"
    """What runs the script: worker, cold, uv, shell or `venv:NAME`."""
    python: str | None = None
    """Path of the interpreter of `venv:NAME`; None: no such environment is registered."""
    constants: dict[str, Any] = field(default_factory=dict)
    """UPPER_CASE names of the script that are given other values."""
    record: dict[str, Any] = field(default_factory=dict)
    """What the supervisor knows of the environment: host, GPUs, git."""
    log_limit: int = 64 << 20
    fence_after: float = 40.0
    """Without a renewal for so long the attempt is asked to stop …"""
    fence_kill_after: float = 50.0
    """… and killed after this long."""

    def markers(self) -> dict[str, str]:
        """What tells any process of this attempt apart, in its environment and in /proc."""
        return {
            "DANLU_RUN_ID": str(self.run_id),
            "DANLU_RUN_DIR": str(self.run_dir),
            "DANLU_ATTEMPT": str(self.attempt),
        }

    def environment(self) -> dict[str, str]:
        """All variables that are set for the run, above the worker's allow-listed ones."""
        processes = {"DANLU_PROCESSES": str(self.processes)} if self.processes > 1 else {}
        return {
            **self.env,
            **self.markers(),
            "DANLU_PARAMS": json.dumps(self.params),
            "DANLU_DEVICE": self.device,
            "DANLU_SEED": str(self.seed),
            **processes,
            "CUDA_VISIBLE_DEVICES": self.visible_devices,
            "PYTHONUNBUFFERED": "1",
        }

    def save(self) -> None:
        """Write it to `LAUNCH_FILE` of the run's folder.

        Raises:
            OSError: the folder cannot be written.
        """
        values = {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()
        }
        write_whole(self.run_dir / LAUNCH_FILE, json.dumps(values))


def load_spec(run_dir: Path) -> LaunchSpec:
    """Read what `LaunchSpec.save` wrote."""
    values = json.loads((run_dir / LAUNCH_FILE).read_bytes())
    paths = {name: Path(values[name]) for name in _PATHS if values[name] is not None}
    return LaunchSpec(**{**values, **paths})


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old or the new text, never a part."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
