"""Devices: found without torch, chosen by the settings."""

import subprocess
import sys

import pytest

from app.errors import StartupError
from worker.devices import Device, choose, discover, free_devices, parse_gpus, threads_for, torch_version

TABLE = """0, GPU-aaa, NVIDIA H200, 143771
1, GPU-bbb, NVIDIA H200, 143771
"""
CPU = Device("cpu", "A CPU", 2)
GPUS = parse_gpus(TABLE, None)


def names(devices: list[Device]) -> list[str]:
    return [device.device for device in devices]


def test_the_table_of_nvidia_smi() -> None:
    assert [
        Device("cuda:0", "NVIDIA H200, 140 GiB", 1, visible="GPU-aaa"),
        Device("cuda:1", "NVIDIA H200, 140 GiB", 1, visible="GPU-bbb"),
    ] == GPUS
    assert parse_gpus("", None) == []
    assert parse_gpus("No devices were found", None) == []
    assert parse_gpus("0, GPU-x, Odd, [N/A]", None) == [Device("cuda:0", "Odd", 1, visible="GPU-x")]


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("1,0", ["GPU-bbb", "GPU-aaa"]),
        ("GPU-bbb", ["GPU-bbb"]),
        ("0,7,1", ["GPU-aaa"]),
        ("", []),
        ("-1", []),
        ("MIG-123", ["MIG-123"]),
    ],
)
def test_the_workers_own_visible_devices(visible: str, found: list[str]) -> None:
    assert [device.visible for device in parse_gpus(TABLE, visible)] == found


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("auto", ["cuda:0", "cuda:1", "cpu"]),
        ("", ["cuda:0", "cuda:1", "cpu"]),
        ("cpu", ["cpu"]),
        ("cuda", ["cuda:0", "cuda:1"]),
        ("cuda:1, cpu", ["cuda:1", "cpu"]),
    ],
)
def test_the_setting_chooses(wanted: str, chosen: list[str]) -> None:
    assert names(choose([*GPUS, CPU], wanted)) == chosen


@pytest.mark.parametrize("wanted", ["cuda:2", "mps", "gpu", "cpu,cuda:9"])
def test_a_device_that_is_not_there_stops_the_start(wanted: str) -> None:
    with pytest.raises(StartupError, match=r"this machine has no .*; it has cuda:0, cuda:1, cpu"):
        choose([*GPUS, CPU], wanted)


def test_slots() -> None:
    devices = [*GPUS, CPU]
    assert free_devices(devices, {}) == ["cuda:0", "cuda:1", "cpu"]
    assert free_devices(devices, {"cuda:0": 1, "cpu": 1}) == ["cuda:1", "cpu"]
    assert free_devices(devices, {"cuda:0": 1, "cuda:1": 1, "cpu": 2}) == []
    assert names(choose([*GPUS, Device("cpu", "A CPU", 0)], "auto")) == ["cuda:0", "cuda:1"]


def test_threads() -> None:
    assert threads_for(CPU, 3) == 3
    assert threads_for(Device("cpu", "", 10_000), 0) == 1
    assert threads_for(GPUS[0], 0) >= threads_for(CPU, 0) >= 1
    whole = threads_for(GPUS[0], 0)
    assert threads_for(GPUS[0], 0, 2) == max(1, whole // 2)
    assert threads_for(CPU, 0, 64) == 1
    assert threads_for(CPU, 3, 2) == 3


def test_this_machine_offers_its_cpu() -> None:
    devices = discover("auto", 3)
    assert devices[-1].device == "cpu"
    assert devices[-1].slots == 3
    assert devices[-1].name
    assert torch_version()


def test_the_supervisor_never_imports_torch() -> None:
    code = (
        "import sys, worker.__main__; from worker.devices import discover; from danlu.recipe import load_recipes;"
        "discover('auto', 1); found, errors = load_recipes(None, ('worker.recipes',)); assert found, errors;"
        "assert not errors; [recipe.schema() for recipe in found.values()];"
        "bad = {'torch', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules); assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
