"""What of a folder is packed, compared with git itself where there is one; and archives that are the same each time."""

import gzip
import hashlib
import os
import random
import socket
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from danlu import pack
from danlu.pack import PackError, archive, content_id, facts, select, select_alone

FILES = {
    "train.py": "print(1)\n",
    "lib/net.py": "x = 1\n",
    "lib/deep/a.txt": "a",
    "data/big.csv": "1,2\n",
    "data/keep/small.csv": "1\n",
    "notes.log": "log",
    "lib/notes.log": "log",
    "important.log": "log",
    "build/out.o": "o",
    "lib/build/out.o": "o",
    "docs/a.tmp": "t",
    "docs/b.txt": "b",
    "with space.py": "s",
    "ünïcode.py": "u",
    "sub/only/here.py": "h",
    "sub/only/there.py": "t",
}
IGNORES = {
    ".gitignore": "*.log\n!important.log\n/build/\ndata/*\n!data/keep/\n",
    "docs/.gitignore": "*.tmp\n",
    "sub/.gitignore": "only/*\n!only/here.py\n",
    "lib/.gitignore": "# nothing\n\n!notes.log\n",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def packed(folder: Path) -> set[str]:
    return {file.path for file in select(folder).files}


def left_out(folder: Path) -> dict[str, str]:
    return dict(select(folder).left_out)


def git(folder: Path, *words: str) -> str:
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    env = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", "-c", "core.quotePath=off", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_gitignore_files_mean_what_they_mean_to_git(tmp_path: Path) -> None:
    write(tmp_path, FILES | IGNORES)
    git(tmp_path, "init", "-q")
    (tmp_path / ".git" / "info" / "exclude").write_text("b.txt\n")
    theirs = set(git(tmp_path, "ls-files", "--others", "--exclude-standard").splitlines())
    assert packed(tmp_path) == theirs
    assert {"train.py", "important.log", "lib/notes.log", "data/keep/small.csv", "sub/only/here.py"} <= theirs
    reasons = left_out(tmp_path)
    assert reasons["build/"] == ".gitignore"
    assert reasons["docs/b.txt"] == "git's exclude file"
    assert reasons[".git/"] == "left out by default"
    for below in ("lib", "docs", "sub"):
        theirs_below = set(git(tmp_path / below, "ls-files", "--others", "--exclude-standard").splitlines())
        assert packed(tmp_path / below) == theirs_below, below


def test_danluignore_is_stronger_and_can_take_back(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"a.py": "a", "b.log": "b", "c.log": "c", "danlu-data/x": "x", "runs/events.out.tfevents.1": "e"},
    )
    write(
        tmp_path,
        {".gitignore": "*.log\n", ".danluignore": "!b.log\nruns/\n!danlu-data/\n", "big.pt": "w" * 1_000_001},
    )
    assert packed(tmp_path) == {"a.py", "b.log", "danlu-data/x", ".gitignore", ".danluignore"}
    assert left_out(tmp_path) == {
        "c.log": ".gitignore",
        "runs/": ".danluignore",
        "big.pt": "looks like a checkpoint",
    }
    (tmp_path / ".danluignore").write_text("!*.pt\n")
    assert "big.pt" in packed(tmp_path)


def test_what_nobody_wants_to_send_stays(tmp_path: Path) -> None:
    junk = [
        "__pycache__/a.pyc",
        "a.pyc",
        ".venv/x",
        "venv/x",
        "node_modules/x",
        ".ipynb_checkpoints/x",
        "danlu-data/x",
    ]
    junk += [".git/config", "sub/.git/config", "sub/__pycache__/x", "logs/events.out.tfevents.123.host"]
    write(
        tmp_path,
        dict.fromkeys(junk, "x")
        | {"train.py": "x", "env/pyvenv.cfg": "x", "env/lib.py": "x", "small.pt": "w"},
    )
    write(
        tmp_path,
        {
            "home/server.lock": "",
            "home/experiments/a/b": "",
            "big.ckpt": "w" * 1_000_001,
            "big.txt": "w" * 1_000_001,
        },
    )
    assert packed(tmp_path) == {"train.py", "small.pt", "big.txt"}
    reasons = left_out(tmp_path)
    assert reasons["env/"] == "a virtual environment"
    assert reasons["home/"] == "a home of Danlu"
    assert reasons["big.ckpt"] == "looks like a checkpoint"


def test_links_pipes_and_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "code"
    write(folder, {"train.py": "x", "lib/a.py": "a"})
    (tmp_path / "secret").write_text("s")
    (folder / "inside.py").symlink_to("lib/a.py")
    (folder / "outside.py").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(".")
    (folder / "nowhere").symlink_to("nowhere")
    (folder / "dangling").symlink_to("gone.py")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        monkeypatch.chdir(folder)  # a socket's path is short
        made.bind("sock")
    assert packed(folder) == {"train.py", "lib/a.py", "inside.py"}
    assert left_out(folder) == {
        "outside.py": "a link that leads out of the folder",
        "loop": "a link to something else than a file",
        "nowhere": "a link that leads nowhere",
        "dangling": "a link to something else than a file",
        "pipe": "neither a file nor a folder",
        "sock": "neither a file nor a folder",
    }


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Train.py", "train.py"], "the same name on some systems"),
        (["caf\u00e9.py", "cafe\u0301.py"], "the same name on some systems"),
        (["a\\b.py"], "backslash"),
        (["a\nb.py"], "invisible"),
        (["/".join("d" * 40)], "nested deeper"),
    ],
)
def test_names_that_no_snapshot_can_hold_are_refused_here_already(
    tmp_path: Path, names: list[str], words: str
) -> None:
    write(tmp_path, dict.fromkeys(names, "x"))
    with pytest.raises(PackError, match=words) as refused:
        select(tmp_path)
    assert ".danluignore" in str(refused.value)
    assert str(refused.value).isprintable()


def test_what_is_too_large_names_the_largest_and_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = random.Random(0)
    write(tmp_path, {"train.py": "x", ".danluignore": "out/\n", "out/a": "a"})
    for number in range(7):
        (tmp_path / f"{number}.bin").write_bytes(noise.randbytes(1000 + number))
    monkeypatch.setattr(pack, "MAX_PACKED", 5000)
    with pytest.raises(PackError, match=r"6\.bin \(1\.01 kB\), 5\.bin") as refused:
        archive(select(tmp_path))
    assert ("out/", ".danluignore") in refused.value.left_out
    monkeypatch.setattr(pack, "MAX_UNPACKED", 5000)
    with pytest.raises(PackError, match="at most 5 kB"):
        select(tmp_path)
    monkeypatch.setattr(pack, "MAX_ENTRIES", 5)
    with pytest.raises(PackError, match="9 files; at most 5"):
        select(tmp_path)
    monkeypatch.setattr(pack, "_LOOKED_AT", 5)
    with pytest.raises(PackError, match="--folder"):
        select(tmp_path)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="nosuch"):
        select(tmp_path / "nosuch")
    with pytest.raises(PackError, match=r"nosuch\.py"):
        select_alone(tmp_path / "nosuch.py")
    write(tmp_path, {"a.py": "x"})
    chosen = select(tmp_path)
    (tmp_path / "a.py").unlink()
    for step in (facts, archive):
        with pytest.raises(PackError, match=r"a\.py"):
            step(chosen)


def test_the_same_content_is_the_same_archive_and_name(tmp_path: Path) -> None:
    made = []
    for number, order in enumerate((sorted(FILES), sorted(FILES, reverse=True))):
        folder = tmp_path / str(number)
        write(folder, {path: FILES[path] for path in order})
        (folder / "lib/net.py").chmod(0o700)
        os.utime(folder / "train.py", (number, number))
        chosen = select(folder)
        made.append((archive(chosen), content_id(facts(chosen))))
    assert made[0] == made[1]
    stored = archive(chosen, stored=True)
    assert gzip.decompress(stored) == gzip.decompress(made[0][0])
    assert len(stored) > len(made[0][0])
    with tarfile.open(fileobj=BytesIO(made[0][0])) as tar:
        modes = {member.name: member.mode for member in tar}
    assert set(modes) == set(FILES)
    assert (modes["lib/net.py"], modes["train.py"]) == (0o755, 0o644)
    (folder / "lib/net.py").chmod(0o644)
    assert content_id(facts(select(folder))) != made[0][1]


def test_the_name_of_a_content_is_what_the_guide_says(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "b", "a/x.sh": "x"})
    (tmp_path / "a/x.sh").chmod(0o755)
    lines = [
        f"a/x.sh\0x\0{hashlib.sha256(b'x').hexdigest()}\n",
        f"b.py\0-\0{hashlib.sha256(b'b').hexdigest()}\n",
    ]
    assert content_id(facts(select(tmp_path))) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_an_ignored_script_is_packed_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": "x", "b.py": "b", ".gitignore": "train.py\n"})
    chosen = pack.including(select(tmp_path), "train.py", tmp_path / "train.py")
    assert [file.path for file in chosen.files] == [".gitignore", "b.py", "train.py"]
    assert chosen.left_out == ()
