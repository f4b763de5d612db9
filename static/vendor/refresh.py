"""Bring the vendored browser libraries in from npm, or check that they are what the manifest says.

    python static/vendor/refresh.py                    check every file against its SHA-256 (no network)
    python static/vendor/refresh.py --fetch            fetch the versions that the manifest names
    python static/vendor/refresh.py --fetch htmx.org=4.0.2   change one version and fetch it
    python static/vendor/refresh.py --dir tests/vendor       the same for another folder with a manifest

The manifest is the one place that says what is vendored: name, version, licence, the npm integrity of the
archive, and for each file where it comes from and its SHA-256. `npm` does the download, so that the mirror,
proxy and certificates that a machine is configured with are honoured.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def problems(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Say what differs between a vendor folder and its manifest; an empty list means nothing does."""
    found: list[str] = []
    known = {"manifest.json", "refresh.py"}
    for name, package in manifest.items():
        for target, file in package["files"].items():
            known.add(target)
            path = folder / target
            if not path.is_file():
                found.append(f"{target} of {name} is missing")
            elif sha256(path.read_bytes()) != file["sha256"]:
                found.append(f"{target} of {name} was changed")
    present = {
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    found += [f"{path} is in no package of the manifest" for path in sorted(present - known)]
    return found


def download(name: str, version: str, into: Path) -> Path:
    """Download one npm package archive into a folder and return its path.

    Raises subprocess.CalledProcessError when npm refuses, with npm's own words on stderr.
    """
    command = ["npm", "pack", f"{name}@{version}", "--json", "--pack-destination", str(into)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120)
    return into / str(json.loads(answer.stdout)[0]["filename"])


def fetch(folder: Path, name: str, package: dict[str, Any]) -> None:
    """Replace the files of one package by those of the version in its manifest entry (changed in place)."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = download(name, package["version"], Path(scratch))
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        with tarfile.open(archive) as tar:
            for target, file in package["files"].items():
                member = tar.extractfile(f"package/{file['from']}")
                if member is None:
                    raise SystemExit(f"{name}@{package['version']} has no file {file['from']}")
                data = member.read()
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                (folder / target).write_bytes(data)
                file["sha256"] = sha256(data)
    package["integrity"] = integrity


def main() -> int:
    """Run the command line; 0 when every file is what the manifest says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fetch", action="store_true", help="download from npm instead of only checking")
    parser.add_argument("--dir", type=Path, default=Path(__file__).parent, help="folder with a manifest.json")
    parser.add_argument(
        "versions", nargs="*", metavar="NAME=VERSION", help="versions to change before fetching"
    )
    arguments = parser.parse_args()
    path = arguments.dir / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for change in arguments.versions:
        name, _, version = change.partition("=")
        if name not in manifest or not version or not arguments.fetch:
            parser.error(f"{change}: give NAME=VERSION of a package in {path}, together with --fetch")
        manifest[name]["version"] = version
    if arguments.fetch:
        for name, package in manifest.items():
            fetch(arguments.dir, name, package)
        path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    found = problems(arguments.dir, manifest)
    print("\n".join(found) or f"{arguments.dir}: {len(manifest)} packages as in the manifest")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
