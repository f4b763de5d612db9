"""A script's form: whichever of its ways to read a command line is found first."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable
from dataclasses import replace

from danlu.scriptform import argforms, argparses, clicks, libraries, typers
from danlu.scriptform.argparses import Parser
from danlu.scriptform.constants import constants_form
from danlu.scriptform.definitions import Find
from danlu.scriptform.fields import FIELD_HANDLERS
from danlu.scriptform.model import ScriptForm
from danlu.scriptform.reader import Reader
from danlu.scriptform.scope import Enough, Function
from danlu.scriptform.source import Source

_HANDLERS = {
    **argparses.HANDLERS,
    **libraries.HANDLERS,
    **clicks.HANDLERS,
    **typers.HANDLERS,
    **FIELD_HANDLERS,
}
_TELLING = ("add_argument", "ArgumentParser", "parse_args", "HfArgumentParser", "tyro", "cli", "Fire", "CLI")
"""A function that mentions one of these has to do with the command line."""
_MOST_UNCALLED = 20


def read_form(source: str, filename: str = "train.py", *, find: Find | None = None) -> ScriptForm:
    """Read a script's command line from its syntax tree. Nothing of it is executed.

    Args:
        source: the script's text; see `decode` for bytes.
        filename: for the messages.
        find: the source of a module beside the script by its dotted name (None: there is none), so that a parser
            that another file of the snapshot makes is read too.

    Raises:
        ScriptError: it is no Python, or no text that Python takes.
    """
    parsed = Source(source, filename)
    reader = Reader(parsed, _HANDLERS, find)
    reader.read()
    form = _found(reader)
    if (form is None or not form.options) and not reader.spent:
        for function in itertools.islice(_uncalled(reader), _MOST_UNCALLED):
            reader.read_function(function)
        form = _found(reader) or form
    if form is None and not _reads(reader):
        form = constants_form(parsed)
    if form is None or not form.options:
        return ScriptForm(kind="none", notes=(*_why(reader), *(form.notes if form else ())))
    if reader.spent:
        note = "The script is long; what follows after its first part was not read."
        return replace(form, notes=(*form.notes, note))
    return form


def _reads(reader: Reader) -> bool:
    """Whether it reads its command line in a way that is known, though no option of it could be read."""
    return any(
        isinstance(record, libraries.Told | libraries.Reads) or (isinstance(record, Parser) and record.parsed)
        for record in reader.records
    )


def _found(reader: Reader) -> ScriptForm | None:
    """The form of what was seen so far; None where there is none, or where it is beyond all measure."""
    try:
        return _form_of(reader)
    except (Enough, RecursionError):
        reader.spent = True
        return None


def _form_of(reader: Reader) -> ScriptForm | None:
    for record in reader.records:
        if isinstance(record, libraries.Reads):
            form = libraries.form_of(reader, record)
            if form is not None:
                return form
    parsers = [record for record in reader.records if isinstance(record, Parser)]
    commands = [record for record in reader.records if isinstance(record, clicks.Command)]
    apps = [record for record in reader.records if isinstance(record, typers.App)]
    form = argforms.form_of(reader, argforms.chosen(parsers)) if parsers else None
    if form is None or not form.options:
        form = clicks.form_of(commands) or typers.form_of(reader, apps) or form
    return form


def _uncalled(reader: Reader) -> Iterable[Function]:
    """Functions that nothing was seen to call, and that have to do with a command line."""
    for function in reader.defined:
        node = function.node
        if id(node) not in reader.entered and not isinstance(node, ast.Lambda) and _tells(node):
            yield function


def _tells(node: ast.AST) -> bool:
    for part in ast.walk(node):
        name = part.attr if isinstance(part, ast.Attribute) else part.id if isinstance(part, ast.Name) else ""
        if name in _TELLING:
            return True
    return False


def _why(reader: Reader) -> list[str]:
    notes = [
        "No command line could be read from the source; write the arguments as they stand behind the script's name."
    ]
    if any(isinstance(record, Parser) and record.deaf for record in reader.records):
        notes.append("The script parses a list of its own instead of the command line.")
    notes += dict.fromkeys(record.note for record in reader.records if isinstance(record, libraries.Told))
    return notes
