"""The same run again, as a command to paste: curl and our own CLI. Pure text; nothing is executed here."""

import json
import shlex
from typing import Any

from app.runs.forms import as_text

Body = dict[str, Any]
"""The body of POST /runs, with only what differs from its defaults."""


def curl(body: Body, origin: str) -> str:
    """The call as one curl command for a POSIX shell; the token is taken from the variable DANLU_TOKEN."""
    data = json.dumps(body, ensure_ascii=False, indent=2, allow_nan=False)
    return " \\\n  ".join(
        (
            f"curl -fsS -X POST {shlex.quote(origin + '/api/v1/runs')}",
            '-H "Authorization: Bearer $DANLU_TOKEN"',
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(data)}",
        )
    )


def cli(body: Body) -> str:
    """The same with `danlu submit`; where the server is and the token come from `danlu`'s own settings."""
    parts = [f"danlu submit {shlex.quote(str(body.get('recipe', '')))}"]
    if body.get("experiment"):
        parts.append(f"--experiment {shlex.quote(body['experiment'])}")
    parts += [
        f"--set {shlex.quote(f'{key}={_set_text(value)}')}" for key, value in body.get("params", {}).items()
    ]
    for key in ("name", "device", "processes", "seed", "priority", "notes", "max_retries", "timeout_s"):
        if key in body:
            parts.append(f"--{_FLAGS.get(key, key)} {shlex.quote(str(body[key]))}")
    parts += [f"--tag {shlex.quote(tag)}" for tag in body.get("tags", ())]
    return " \\\n  ".join(parts)


def cli_script(body: Body, path: str, args: list[str]) -> str:
    """A script with `danlu submit`, from a terminal where its file is at `path`; `args` is its command line."""
    parts = [f"danlu submit {shlex.quote(path)}"]
    if body.get("experiment"):
        parts.append(f"--experiment {shlex.quote(body['experiment'])}")
    if args:
        parts.append(f"-- {shlex.join(args)}")
    return " ".join(parts)


_FLAGS = {"max_retries": "max-retries", "timeout_s": "timeout"}


def _set_text(value: Any) -> str:
    # `--set` reads JSON and falls back to text, so a string that looks like JSON has to be quoted
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
        return json.dumps(value, ensure_ascii=False)
    return as_text(value) if value is not None else "null"
