"""The commands that a page offers for pasting are exact, and nothing in them is executed by the shell."""

import json
import subprocess

import pytest

from app.runs import repeat

NASTY = 'it\'s "$(touch /tmp/x)" `id` \\ 丹 \n; rm -rf /'


def shell_words(command: str, replaced: str) -> list[str]:
    """What a real shell hands to the program of a command."""
    script = f'{replaced}() {{ printf "%s\\0" "$@"; }}\n{command}\n'
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, env={"DANLU_TOKEN": "T"})
    return done.stdout.decode().split("\0")[:-1]


def test_curl_sends_exactly_the_body() -> None:
    body = {"experiment": "e", "recipe": "rings", "params": {"lr": 1e-4, "title": NASTY}, "notes": NASTY}
    words = shell_words(repeat.curl(body, "http://127.0.0.1:8000"), "curl")
    assert json.loads(words[words.index("-d") + 1]) == body
    assert "http://127.0.0.1:8000/api/v1/runs" in words
    assert "Authorization: Bearer T" in words


@pytest.mark.parametrize(
    "value", [0.001, 7, True, None, "val_acc", "7", "true", NASTY, [1, "a"], {"b": None}]
)
def test_cli_says_exactly_the_param(value: object) -> None:
    body = {
        "experiment": "e",
        "recipe": "rings",
        "params": {"key": value},
        "tags": ["a b"],
        "seed": 3,
        "processes": 2,
    }
    words = shell_words(repeat.cli(body), "danlu")
    key, _, text = words[words.index("--set") + 1].partition("=")
    try:
        read = json.loads(text)
    except ValueError:
        read = text
    assert (key, read) == ("key", value)
    assert words[words.index("--tag") + 1] == "a b"
    assert words[words.index("--seed") + 1] == "3"
    assert words[words.index("--processes") + 1] == "2"


@pytest.mark.parametrize("environment", ["worker", "venv:old", "shell"])
def test_cli_takes_a_script_from_the_servers_copy(environment: str) -> None:
    body = {
        "experiment": "e", "snapshot": "a" * 64, "entrypoint": NASTY, "environment": environment,
        "args": ["--lr", "0.1", NASTY, "--"], "params": {"free": [1]}, "seed": 3,
    }  # fmt: skip
    words = shell_words(repeat.cli(body), "danlu")
    place = words.index("--")
    assert words[place + 1 :] == body["args"]
    assert words[words.index("--snapshot") + 1] == "a" * 64
    assert words[words.index("--set") + 1] == "free=[1]"
    assert words[2 if environment == "shell" else 1] == NASTY
    assert ("--shell" in words) == (environment == "shell")
    if environment == "venv:old":
        assert words[words.index("--environment") + 1] == "venv:old"
