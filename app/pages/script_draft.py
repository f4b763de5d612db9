"""The code in the new-run form: an uploaded snapshot, what was edited of it since, or a script that was typed."""

import json
import re
from dataclasses import dataclass
from typing import Any

from app.runs.forms import Values

TYPED = "train.py"
"""The name of a script that was typed or pasted, unless somebody gives another."""
MAX_EDITED = 200
_SNAPSHOT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the editor.

    Attributes:
        base: id of the snapshot that it began with; "" for a script that was typed.
        edits: path → text of what was changed or added since, or of what was typed.
        entrypoint: path of what is run; with the environment `shell` the command line.
        entrypoints: paths of what can be run, the likeliest first.
        filename: name of a typed script.
    """

    base: str
    edits: dict[str, str]
    entrypoint: str
    entrypoints: tuple[str, ...]
    filename: str = TYPED

    @property
    def empty(self) -> bool:
        """Nothing was typed or dropped yet."""
        return not self.base and not any(text.strip() for text in self.edits.values())

    @property
    def typed(self) -> str:
        """The text for the plain text area, which is there before the editor is."""
        return "" if self.base else self.edits.get(self.filename, "")


def read_draft(values: Values, known: list[str] | None) -> tuple[Draft, dict[str, str]]:
    """The draft in a filled form, and errors by input.

    Args:
        values: the form.
        known: entrypoints of the snapshot that the form names; None when there is no such snapshot (any more).
    """
    errors: dict[str, str] = {}
    base = values.get("snapshot", "").strip()
    if base and (known is None or not _SNAPSHOT.fullmatch(base)):
        errors["code"] = "The uploaded files are not on the server any more: drop them again."
        base = ""
    filename = values.get("filename", "").strip() or TYPED
    edits = _edits(values, filename, errors)
    added = sorted(path for path in edits if path.endswith(".py"))
    entrypoints = tuple(dict.fromkeys([*(known or () if base else ()), *added]))
    entrypoint = values.get("entrypoint", "").strip()
    if values.get("environment") == "shell":
        if entrypoint in ("", *entrypoints):  # it has just been chosen
            entrypoint = f"python {entrypoint}" if entrypoint else ""
    elif entrypoint not in entrypoints:
        # of another upload, or a script that got another name
        entrypoint = filename if filename in edits and not base else next(iter(entrypoints), "")
    return Draft(base, edits, entrypoint, entrypoints, filename), errors


def _edits(values: Values, filename: str, errors: dict[str, str]) -> dict[str, str]:
    """What the editor sends, or without scripts the text area (in which browsers write CR LF)."""
    if "edits" not in values:
        text = values.get("code", "").replace("\r\n", "\n")
        return {filename: text} if text.strip() else {}
    try:
        edits: Any = json.loads(values["edits"])
    except (ValueError, RecursionError):
        edits = None
    if not isinstance(edits, dict) or len(edits) > MAX_EDITED:
        errors["code"] = "The editor sent what cannot be read: reload the page."
        return {}
    return {str(path): text for path, text in edits.items() if isinstance(text, str)}
