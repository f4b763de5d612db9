"""What this machine offers to runs, found without torch: the supervisor stays small, and the warm process must not
touch CUDA before it forks.
"""

import importlib.metadata
import importlib.util
import logging
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import StartupError

log = logging.getLogger(__name__)

_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits")
_SMI_SECONDS = 20


@dataclass(frozen=True)
class Device:
    """Something a run can be placed on."""

    device: str
    """cpu, cuda:N or mps; N counts what this worker may use."""
    name: str
    slots: int
    visible: str = ""
    """CUDA_VISIBLE_DEVICES of a run that is placed here."""

    @property
    def kind(self) -> str:
        """As a recipe sees it: cpu, cuda or mps."""
        return self.device.partition(":")[0]

    def published(self) -> dict[str, str | int]:
        """As the worker's registration lists it."""
        return {"device": self.device, "name": self.name, "slots": self.slots}


def discover(wanted: str, cpu_slots: int) -> list[Device]:
    """The devices of this machine that the settings admit, accelerators first.

    Args:
        wanted: `auto` (everything there is), or a list such as `cpu,cuda:0`; `cuda` means all GPUs.
        cpu_slots: runs at once on the CPU; 0 offers no CPU.

    Raises:
        StartupError: a device is named that this machine lacks.
    """
    there = [*_gpus(), *_apple(), Device("cpu", _cpu_name(), cpu_slots)]
    return choose(there, wanted)


def choose(there: list[Device], wanted: str) -> list[Device]:
    """Of the devices that are there, those that the setting names.

    Raises:
        StartupError: one is named that is not there, with the list of what is.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if names == ["auto"] or not names:
        chosen = there
    else:
        known = {item.device for item in there} | {item.kind for item in there}
        for name in names:
            if name not in known:
                have = ", ".join(item.device for item in there)
                raise StartupError(f"setting devices: this machine has no {name}; it has {have}")
        chosen = [item for item in there if item.device in names or item.kind in names]
    return [item for item in chosen if item.slots > 0]


def free_devices(devices: Iterable[Device], used: Mapping[str, int]) -> list[str]:
    """Names of the devices with a free slot, accelerators first; `used` counts the runs on each."""
    return [item.device for item in devices if used.get(item.device, 0) < item.slots]


def threads_for(device: Device, setting: int, processes: int = 1) -> int:
    """Torch threads of each process of a run: the setting, or the cores shared out among the CPU slots (all of them for a
    GPU) and then among the run's processes.
    """
    if setting > 0:
        return setting
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, cores // (device.slots if device.kind == "cpu" else 1) // processes)


def torch_version() -> str | None:
    """Version of the installed torch, without importing it; None where there is none."""
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return None


def torch_has_cuda() -> bool:
    """Whether the installed torch was built for NVIDIA GPUs, as its own version file says; it is not imported."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    try:
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"^cuda(: [^=]+)? = '", text, re.MULTILINE) is not None


def parse_gpus(table: str, visible: str | None) -> list[Device]:
    """Devices from the table that nvidia-smi prints.

    Args:
        table: lines of `index, uuid, name, MiB`.
        visible: the worker's own CUDA_VISIBLE_DEVICES, which chooses and orders them; None: all.
    """
    rows = [[part.strip() for part in line.split(",")] for line in table.splitlines() if line.count(",") >= 3]
    by_name = {key: row for row in rows for key in (row[0], row[1])}
    if visible is None:
        chosen = [row[1] for row in rows]
    else:
        # As CUDA does: the list ends at the first entry that is not there. An entry that names a part of a GPU
        # (MIG-…) does not stand in the table and is passed on as it is.
        chosen = []
        for entry in (part.strip() for part in visible.split(",")):
            if entry not in by_name and not entry.startswith("MIG-"):
                break
            chosen.append(entry)
    devices = []
    for number, entry in enumerate(chosen):
        row = by_name.get(entry)
        name = (
            f"{row[2]}, {int(row[3]) / 1024:.0f} GiB"
            if row and row[3].isdigit()
            else (row[2] if row else entry)
        )
        devices.append(Device(f"cuda:{number}", name, 1, visible=row[1] if row else entry))
    return devices


def _gpus() -> list[Device]:
    if not torch_has_cuda():
        return []
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_SMI_SECONDS, check=False)
    except FileNotFoundError:
        return []
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("nvidia-smi gives no answer, so no GPU is offered: %s", error)
        return []
    if done.returncode != 0:
        log.warning("nvidia-smi fails, so no GPU is offered: %s", done.stdout.strip() or done.stderr.strip())
        return []
    return parse_gpus(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _apple() -> list[Device]:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return [Device("mps", "Apple GPU", 1)]
    return []


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
