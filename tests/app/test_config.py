"""Settings: sources, unknown names, combinations that would be unsafe."""

from pathlib import Path

import pytest

from app.config import load_settings
from app.errors import StartupError


def test_environment_wins_over_file_and_arguments_over_both(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "danlu.toml").write_text("port = 9001\nslots = 3\n")
    monkeypatch.setenv("DANLU_PORT", "9002")
    settings = load_settings(home=home)
    assert (settings.port, settings.slots) == (9002, 3)
    assert load_settings(home=home, port=9003).port == 9003


def test_the_file_of_the_home_that_the_environment_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "danlu.toml").write_text("slots = 4\n")
    monkeypatch.setenv("DANLU_HOME", str(home))
    assert load_settings().slots == 4


def test_an_unknown_variable_is_refused_with_a_suggestion(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANLU_PROT", "1")
    with pytest.raises(StartupError, match="did you mean DANLU_PORT"):
        load_settings(home=home)


def test_an_unknown_key_in_the_file_is_refused_with_a_suggestion(home: Path) -> None:
    (home / "danlu.toml").write_text("slotz = 2\n")
    with pytest.raises(StartupError, match="did you mean slots"):
        load_settings(home=home)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"auth": "none", "host": "0.0.0.0"}, "loopback"),
        ({"heartbeat_seconds": 50}, "heartbeat_seconds <"),
        ({"public_url": "danlu.example.org"}, "https://"),
        ({"database_url": "mysql://x"}, "postgresql://"),
        ({"port": 70000}, "port"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(home: Path, values: dict[str, object], says: str) -> None:
    with pytest.raises(StartupError, match=says) as caught:
        load_settings(home=home, **values)
    assert "\n" not in str(caught.value)


def test_a_broken_file_is_refused_with_its_path(home: Path) -> None:
    (home / "danlu.toml").write_text("port = = 1")
    with pytest.raises(StartupError, match=r"danlu\.toml"):
        load_settings(home=home)
