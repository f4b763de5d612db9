"""The peers' virtual environment: made once, cached, never part of the project's own.

It holds the same Python and the same torch, numpy and TensorBoard as the interpreter that measures; Danlu and the plain
loop run in it too, so that every contestant has the same ground.
"""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = ("torchkeras==4.0.5", "lightning==2.6.*", "accelerate==1.15.*")
# torchkeras imports these without asking for them.
UNDECLARED = ("pandas", "ipython", "tqdm")
# What Danlu's Trainer and the event files of all of them need, in our own versions.
SHARED = ("numpy", "tensorboard", "protobuf", "google-crc32c", "pydantic", "pillow")
IMPORTS = "torch, lightning, accelerate, pandas, tensorboard, google_crc32c, pydantic, PIL; from torchkeras import KerasModel"


class Unavailable(RuntimeError):
    """The peers cannot be installed here."""


def cache() -> Path:
    """Where the bench keeps what is worth keeping: ``$XDG_CACHE_HOME/danlu-bench``, by default in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "danlu-bench"


def folder() -> Path:
    """``$BENCH_PEERS``, or a folder of the cache named after the versions."""
    if told := os.environ.get("BENCH_PEERS"):
        return Path(told)
    names = [f"python{platform.python_version()}", f"torch{version('torch')}"]
    names += [peer.replace("==", "").replace(".*", "") for peer in PEERS]
    return cache() / f"peers-{'-'.join(names)}"


def python() -> Path:
    """The interpreter of the peers; installs them when that was not done yet (torch is some 200 MB).

    Raises:
        Unavailable: there is no way to them, for instance offline.
    """
    home = folder()
    interpreter = home / "bin" / "python"
    if not _ready(interpreter):
        print(f"installing the peers into {home}", file=sys.stderr)
        try:
            if not interpreter.exists():
                subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            _install_torch(interpreter)
            shared = [f"{name}=={version(name)}" for name in SHARED]
            _pip(interpreter, *PEERS, *UNDECLARED, *shared, f"torch=={version('torch')}")
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"the peers could not be installed into {home}: {error}") from error
        if not _ready(interpreter):
            raise Unavailable(f"the peers in {home} cannot be imported, or with another torch than ours")
    return interpreter


def _ready(interpreter: Path) -> bool:
    """Whether everything can be imported, with our torch."""
    if not interpreter.exists():
        return False
    code = f"import {IMPORTS}; print(torch.__version__)"
    done = subprocess.run([str(interpreter), "-c", code], check=False, capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.split()[-1] == version("torch")


def _install_torch(interpreter: Path) -> None:
    """First, and by pip's own configuration; a build of another index ("+cpu", "+cu126") then from that index."""
    ours = version("torch")
    try:
        _pip(interpreter, f"torch=={ours}")
    except subprocess.CalledProcessError:
        if "+" not in ours:
            raise
        build = ours.split("+")[1]
        index = os.environ.get("TORCH_INDEX_URL", f"https://download.pytorch.org/whl/{build}")
        _pip(interpreter, f"torch=={ours}", "--index-url", index)


def _pip(interpreter: Path, *what: str) -> None:
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    subprocess.run(command, check=True, stdout=sys.stderr)
