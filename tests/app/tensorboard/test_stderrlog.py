"""A child that talks without end is drained, and its file stays small."""

import subprocess
import sys
from pathlib import Path

from app.tensorboard.stderrlog import StderrLog

NOISE = """
import sys
sys.stderr.write("Serving at http://127.0.0.1:4711/prefix/ (Press CTRL+C to quit)\\n")
sys.stderr.write("x" * 3_000_000 + "\\n")
for number in range(100_000):
    sys.stderr.write(f"warning {number} at http://127.0.0.1:9/\\n")
"""


def test_all_is_read_and_little_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "child.log"
    with subprocess.Popen([sys.executable, "-c", NOISE], stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        log = StderrLog(child.stderr, path, limit=200_000)
        assert child.wait(30) == 0
        log.join(30)
    assert log.port == 4711
    assert log.tail()[-1].startswith("warning 99999")
    assert all(len(line) <= 2000 for line in log.tail())
    kept = [path, path.with_name("child.log.1")]
    assert all(file.stat().st_size <= 200_000 for file in kept)


def test_a_folder_that_goes_away_does_not_stop_the_drain(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "child.log"
    with subprocess.Popen([sys.executable, "-c", NOISE], stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        log = StderrLog(child.stderr, path)
        assert child.wait(30) == 0
        log.join(30)
    assert log.tail()[-1].startswith("warning 99999")
