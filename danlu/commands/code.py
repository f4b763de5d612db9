"""A script on this machine on its way to a run: which folder is packed, what is said of it, and the submission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from danlu.commands import output
from danlu.commands.output import Exit

if TYPE_CHECKING:
    from danlu.client import Client
    from danlu.pack import PackError, Selection

Json = dict[str, Any]
Made = TypeVar("Made")
_SCRIPTS = (".py", ".sh")
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands on the command line of `danlu submit`."""

    what: str | None
    args: list[str]
    folder: Path | None
    snapshot: str | None
    environment: str | None
    shell: str | None
    alone: bool

    @property
    def is_script(self) -> bool:
        """Whether a script is meant, and no recipe."""
        if self.shell is not None or self.snapshot is not None or self.what is None:
            return self.shell is not None or self.snapshot is not None
        named = self.what.endswith(_SCRIPTS) or "/" in self.what or self.what in {".", ".."}
        return named or Path(self.what).is_file()

    def recipe(self, *, dry_run: bool) -> str:
        """The name of the recipe. What only scripts take ends the command."""
        given = {
            "arguments behind --": self.args, "--folder": self.folder, "--alone": self.alone,
            "--environment": self.environment, "--dry-run": dry_run,
        }  # fmt: skip
        if self.what is None:
            output.fail("name a recipe, such as rings, or a script, such as train.py", Exit.USAGE)
        for name, value in given.items():
            if value:
                hint = f"is {self.what} a script? Write ./{self.what}"
                output.fail(f"{name}: for scripts only, and {self.what} names a recipe; {hint}", Exit.USAGE)
        return self.what


@dataclass(frozen=True, slots=True)
class Packed:
    """What is sent, and what the server is to run of it.

    Attributes:
        folder: of the files; None for code that the server has.
        entrypoint: path in it; None for the likeliest script; with `--shell`, the command line.
    """

    folder: Path | None
    entrypoint: str | None
    selection: Selection | None = None


def pack(asked: Asked) -> Packed:
    """Choose the files. What cannot be packed ends the command, with what was left out."""
    from danlu.pack import PackError, including, select, select_alone

    if asked.snapshot is not None:
        if asked.folder is not None or asked.alone:
            output.fail("--snapshot names code on the server: leave out --folder and --alone", Exit.USAGE)
        return Packed(None, asked.shell or asked.what)
    folder, script = _places(asked)
    if asked.alone and script is None:
        output.fail("--alone: name the script", Exit.USAGE)
    try:
        if asked.alone and script is not None:
            return Packed(script.parent, asked.shell or script.name, select_alone(script))
        chosen = select(folder)
        path = script.relative_to(folder).as_posix() if script is not None else None
        if path is not None and script is not None:
            chosen = including(chosen, path, script)
    except PackError as error:
        _fail(error)
    return Packed(folder, asked.shell or path, chosen)


def _fail(error: PackError) -> NoReturn:
    """What cannot be packed, behind what was left out already."""
    if error.left_out:
        output.note(_left_out_text(list(error.left_out)))
    output.fail(str(error), Exit.USAGE)


def submit(
    send: Callable[..., Made],
    client: Client,
    asked: Asked,
    packed: Packed,
    experiment: str | None,
    params: Json,
    fields: Json,
) -> Made:
    """Upload what the server does not have, and queue what `send` makes of it: a run or a sweep."""
    from danlu.errors import ApiError
    from danlu.gitfacts import git_facts

    script: Json = {
        "entrypoint": packed.entrypoint,
        "args": asked.args or None,
        "environment": "shell" if asked.shell is not None else asked.environment,
    }
    where = experiment or _experiment(packed)
    if packed.selection is None or packed.folder is None:
        return send(where, None, params, snapshot=asked.snapshot, **script, **fields)
    git = git_facts(packed.folder)
    for last in (False, True):
        snapshot_id = _sent(client, packed, shell=asked.shell is not None)
        try:
            return send(where, None, params, snapshot=snapshot_id, git=git, **script, **fields)
        except ApiError as error:
            if last or set(error.fields) != {
                "snapshot"
            }:  # removed since we asked: nobody had used it for a day
                raise
    raise AssertionError("the last attempt returns or raises")


def show(packed: Packed, *, as_json: bool) -> None:
    """What would be sent, and what not."""
    from danlu.pack import content_id, facts, size_text

    if packed.selection is None:
        output.fail("--dry-run: with --snapshot nothing is packed", Exit.USAGE)
    chosen = packed.selection
    if as_json:
        output.print_json({
            "id": content_id(facts(chosen)),
            "folder": str(packed.folder),
            "entrypoint": packed.entrypoint,
            "size": chosen.size,
            "files": [{"path": file.path, "size": file.size} for file in chosen.files],
            "left_out": [{"path": path, "reason": reason} for path, reason in chosen.left_out],
        })  # fmt: skip
        return
    for file in chosen.files:
        print(f"{size_text(file.size):>9}  {output.plain(file.path)}")
    for path, reason in chosen.left_out:
        print(f"{'-':>9}  {output.plain(path)}  ({reason})")
    output.note(_summary(packed))


def _places(asked: Asked) -> tuple[Path, Path | None]:
    """The folder that is packed, and the script in it if one was named."""
    named = Path(asked.what) if asked.what is not None else Path()
    if not named.exists():
        output.fail(f"there is no file {named}", Exit.USAGE)
    named = named.resolve()
    script = None if named.is_dir() else named
    folder = (asked.folder or (named if script is None else named.parent)).resolve()
    if not named.is_relative_to(folder):
        output.fail(f"{named} does not lie in {folder}; choose another --folder", Exit.USAGE)
    return folder, script


def _experiment(packed: Packed) -> str:
    """The folder's name; without a folder, the script's."""
    if packed.folder is not None and packed.folder.name:
        return packed.folder.name
    return Path(packed.entrypoint or "scripts").stem[:200] or "scripts"


def _sent(client: Client, packed: Packed, *, shell: bool) -> str:
    """The id of the files, which the server has when this returns."""
    from danlu.pack import PackError, size_text

    assert packed.selection is not None  # noqa: S101 - the caller's case
    output.note(_summary(packed))
    try:
        known = client.upload(packed.selection, entrypoint=None if shell else packed.entrypoint)
    except PackError as error:
        _fail(error)
    if not known.known:
        output.note(f"uploaded {size_text(packed.selection.size)}")
    return str(known.id)


def _summary(packed: Packed) -> str:
    from danlu.pack import size_text

    assert packed.selection is not None  # noqa: S101 - the caller's case
    chosen = packed.selection
    count = len(chosen.files)
    text = f"{packed.folder}: {count} file{'s' if count != 1 else ''}, {size_text(chosen.size)}"
    return f"{text}; {_left_out_text(list(chosen.left_out))}" if chosen.left_out else text


def _left_out_text(left_out: list[tuple[str, str]]) -> str:
    """Such as `left out: data/ (.gitignore), net.pt (looks like a checkpoint), 3 by default`."""
    usual = Counter(reason for _, reason in left_out)["left out by default"]
    others = [f"{path} ({reason})" for path, reason in left_out if reason != "left out by default"]
    shown = others[:_NAMED]
    if len(others) > _NAMED:
        shown.append(f"{len(others) - _NAMED} more, see --dry-run")
    if usual:
        shown.append(f"{usual} by default")
    return f"left out: {', '.join(shown)}"
