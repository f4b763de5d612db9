"""What git says of a folder, asked of real repositories."""

from pathlib import Path

import pytest
from test_pack import git, write

from danlu.gitfacts import MAX_DIFF, cut_diff, git_facts, without_credentials


def test_a_folder_without_git_has_no_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_facts(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_facts(tmp_path) is None


def test_what_is_known_of_a_repository(tmp_path: Path) -> None:
    write(tmp_path, {"proj/train.py": "x = 1\n", "other/a.py": "a\n"})
    git(tmp_path, "init", "-q", "-b", "main")
    assert git_facts(tmp_path) == {
        "commit": None, "branch": "main", "remote": None, "dirty": True, "diff": "# not in git: other/\n# not in git: proj/\n",
    }  # fmt: skip
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "remote", "add", "upstream", "https://ada:secret@git.example.org/ada/x.git")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    clean = {
        "commit": commit,
        "branch": "main",
        "remote": "https://git.example.org/ada/x.git",
        "dirty": False,
        "diff": "",
    }
    assert git_facts(tmp_path) == clean
    write(tmp_path, {"proj/train.py": "x = 2\n", "other/a.py": "b\n", "proj/new.py": "n"})
    facts = git_facts(tmp_path / "proj")
    assert facts is not None
    assert facts["dirty"] is True
    assert facts["diff"].startswith("# not in git: proj/new.py\ndiff --git a/train.py b/train.py\n")
    assert "-x = 1\n+x = 2\n" in facts["diff"]
    assert "other" not in facts["diff"]
    git(tmp_path, "checkout", "-q", "--detach")
    detached = git_facts(tmp_path)
    assert detached is not None
    assert detached["branch"] is None


def test_settings_of_a_repository_execute_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = 1\n", ".gitattributes": "*.py diff=evil\n"})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    for name in ("diff.external", "diff.evil.textconv", "core.fsmonitor", "core.pager"):
        git(tmp_path, "config", name, f"touch {tmp_path}/{name}.ran; true")
    write(tmp_path, {"a.py": "x = 2\n"})
    facts = git_facts(tmp_path)
    assert facts is not None
    assert "+x = 2" in facts["diff"]
    assert list(tmp_path.glob("*.ran")) == []


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://token@github.com/a/b", "https://github.com/a/b"),
        ("https://ada:pw@host:8443/a?token=1#x", "https://host:8443/a"),
        ("ssh://git:pw@host/a", "ssh://git@host/a"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("https://[broken/a", "https://"),
    ],
)
def test_remotes_lose_their_credentials(url: str, kept: str) -> None:
    assert without_credentials(url) == kept


def test_a_long_diff_ends_at_a_line_with_a_note() -> None:
    assert cut_diff("+a\n") == "+a\n"
    cut = cut_diff("+" + "ü" * 50 + "\n" + "+line\n" * 50_000)
    assert len(cut.encode()) <= MAX_DIFF
    assert cut.splitlines()[-2:] == ["+line", "[cut here: the diff has 300102 bytes]"]
    assert len(cut_diff("x" * 300_000).encode()) <= MAX_DIFF
