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
    """The same with `danlu submit`; where the server is and the token come from `danlu`'s own settings.

    A script is taken from the server's own copy of its code, so that the command works wherever it is pasted.
    """
    parts = [_what(body)]
    if body.get("experiment"):
        parts.append(f"--experiment {shlex.quote(body['experiment'])}")
    parts += [
        f"--set {shlex.quote(f'{key}={_set_text(value)}')}" for key, value in body.get("params", {}).items()
    ]
    for key in (
        "name",
        "device",
        "processes",
        "seed",
        "priority",
        "notes",
        "max_retries",
        "timeout_s",
        "after",
    ):
        if key in body:
            parts.append(f"--{_FLAGS.get(key, key)} {shlex.quote(str(body[key]))}")
    parts += [f"--tag {shlex.quote(tag)}" for tag in body.get("tags", ())]
    if body.get("args"):
        parts.append(f"-- {shlex.join(body['args'])}")
    return " \\\n  ".join(parts)


def _what(body: Body) -> str:
    """The beginning of the command: a recipe, a script of a snapshot, or a command line there."""
    if not body.get("snapshot"):
        return f"danlu submit {shlex.quote(str(body.get('recipe', '')))}"
    entrypoint = shlex.quote(body.get("entrypoint") or "")
    code = f"--snapshot {shlex.quote(body['snapshot'])}"
    environment = body.get("environment", "worker")
    if environment == "shell":
        return f"danlu submit --shell {entrypoint} {code}"
    chosen = f" --environment {shlex.quote(environment)}" if environment != "worker" else ""
    script = f" {entrypoint}" if body.get("entrypoint") else ""
    return f"danlu submit{script} {code}{chosen}"


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
