"""Bring the vendored browser libraries in from npm, or check that they are what the manifest says.

    python static/vendor/refresh.py                    check every file against its SHA-256 (no network)
    python static/vendor/refresh.py --fetch            fetch the versions that the manifest names
    python static/vendor/refresh.py --fetch htmx.org=4.0.2   change one version and fetch it
    python static/vendor/refresh.py --dir tests/vendor       the same for another folder with a manifest

The manifest is the one place that says what is vendored: name, version, licence, the npm integrity of the
archive, and for each file where it comes from and its SHA-256. `npm` does the download, so that the mirror,
proxy and certificates that a machine is configured with are honoured.

A library that comes as many small packages is a *bundle*: its entry names them all with their versions, and
`esbuild` makes one module of them from a file of ours that says what is used. Who installs Danlu builds nothing.
"""

import argparse
import base64
import hashlib
import json
import shutil
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


def checked(name: str, package: dict[str, Any], into: Path) -> Path:
    """Download a package in the version of its manifest entry; an integrity that is empty is filled in.

    Raises:
        SystemExit: the archive is not the one that the manifest knows under this version.
    """
    archive = download(name, package["version"], into)
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if package.get("integrity") not in (None, "", integrity):
        raise SystemExit(f"{name}@{package['version']} is not the archive that the manifest knows")
    package["integrity"] = integrity
    return archive


def fetch(folder: Path, name: str, package: dict[str, Any]) -> None:
    """Replace the files of one package by those of the version in its manifest entry (changed in place)."""
    with tempfile.TemporaryDirectory() as scratch:
        if "packages" in package:
            made = bundle(folder, package, Path(scratch))
        else:
            made = picked(name, package, checked(name, package, Path(scratch)))
    for target, data in made.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_bytes(data)
        package["files"][target]["sha256"] = sha256(data)


def picked(name: str, package: dict[str, Any], archive: Path) -> dict[str, bytes]:
    """The files that the manifest takes from a package's archive, by where they go."""
    made: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:
        for target, file in package["files"].items():
            member = tar.extractfile(f"package/{file['from']}")
            if member is None:
                raise SystemExit(f"{name}@{package['version']} has no file {file['from']}")
            made[target] = member.read()
    return made


def bundle(folder: Path, package: dict[str, Any], scratch: Path) -> dict[str, bytes]:
    """One module made of several packages, and one file with all their licences, by where they go.

    Raises subprocess.CalledProcessError when esbuild refuses, with its own words on stderr.
    """
    licences: list[str] = []
    for name, part in package["packages"].items():
        target = scratch / "node_modules" / name
        with tarfile.open(checked(name, part, scratch)) as tar:
            tar.extractall(scratch / "unpacked", filter="data")
        target.parent.mkdir(parents=True, exist_ok=True)
        (scratch / "unpacked" / "package").rename(target)
        licence = (target / "LICENSE").read_text(encoding="utf-8").strip()
        licences.append(f"{name} {part['version']}\n\n{licence}\n")
    made: dict[str, bytes] = {}
    for target_name, file in package["files"].items():
        if file["from"] == "LICENSE of each":
            made[target_name] = f"\n{'-' * 70}\n\n".join(licences).encode()
        elif file["from"] == "here":
            made[target_name] = (folder / target_name).read_bytes()
            shutil.copy(folder / target_name, scratch / "entry.js")
    for target_name, file in package["files"].items():
        if file["from"] == "bundle":
            made[target_name] = built(scratch, package["esbuild"])
    return made


def built(scratch: Path, esbuild: str) -> bytes:
    """What esbuild makes of `entry.js` and the node_modules beside it."""
    command = ["npm", "exec", "--yes", f"--package=esbuild@{esbuild}", "--", "esbuild", "entry.js", "--bundle"]
    options = ["--minify", "--format=esm", "--target=es2022", "--legal-comments=none", "--log-level=warning"]
    subprocess.run([*command, *options, "--outfile=out.js"], check=True, cwd=scratch, timeout=120)
    return (scratch / "out.js").read_bytes()


def change(manifest: dict[str, Any], name: str, version: str) -> bool:
    """Ask for another version of a package, or of a part of a bundle; False when the manifest has none of that name."""
    for place in (manifest, *(package.get("packages", {}) for package in manifest.values())):
        if name in place and "version" in place[name]:
            place[name] |= {"version": version, "integrity": ""}
            return True
    return False


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
    for wanted in arguments.versions:
        name, _, version = wanted.partition("=")
        if not arguments.fetch or not version or not change(manifest, name, version):
            parser.error(f"{wanted}: give NAME=VERSION of a package in {path}, together with --fetch")
    if arguments.fetch:
        for name, package in manifest.items():
            fetch(arguments.dir, name, package)
        path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    found = problems(arguments.dir, manifest)
    print("\n".join(found) or f"{arguments.dir}: {len(manifest)} packages as in the manifest")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
