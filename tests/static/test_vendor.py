"""What is vendored is what the manifests say, and nothing else lies beside it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.paths import static_dir

FOLDERS = [static_dir() / "vendor", Path(__file__).parents[1] / "vendor"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.parent.name))
def test_vendored_files_are_those_of_the_manifest(folder: Path) -> None:
    script = static_dir() / "vendor" / "refresh.py"
    done = subprocess.run(
        [sys.executable, script, "--dir", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.parent.name))
def test_each_library_brings_its_licence(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, package in manifest.items():
        assert package["licence"], name
        parts = package.get("packages", {name: package})
        assert parts, name
        for part, what in parts.items():
            assert what["licence"], part
            assert what["integrity"].startswith("sha512-"), part
        assert any(Path(target).name == "LICENSE" for target in package["files"]), name
