"""A script's text: decoded, parsed with its errors told in place, and cut into pieces."""

from __future__ import annotations

import ast
import io
import re
import threading
import tokenize
import warnings

from danlu.scriptform.model import ScriptError

MAX_CHARACTERS = 8_000_000
"""A longer source is data."""
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_PARSING = threading.Lock()


def decode(data: bytes) -> str:
    """A source file's text, by its byte order mark or its coding line (PEP 263); else UTF-8.

    Raises:
        ScriptError: an encoding that does not exist, or bytes that are none of it.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, LookupError) as error:
        raise ScriptError(str(error.args[0]), 1, 1) from None
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        message = f"is not {error.encoding}: {error.reason}; save the file as UTF-8"
        raise ScriptError(message, line, error.start - before.rfind(b"\n")) from None


class Source:
    """A parsed source.

    Attributes:
        text: without a byte order mark.
        tree: its syntax tree.
        lines: as Python counts them, with their ends.
    """

    def __init__(self, text: str, filename: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.filename = filename
        self.tree = _parse(self.text, filename)
        self.lines = _LINES.findall(self.text)
        self._comments: dict[int, str] | None = None

    def offset(self, line: int, column: int) -> int:
        """The place in `text` of a node's line (from 1) and column (UTF-8 bytes, from 0)."""
        here = self.lines[line - 1]
        inside = column if here.isascii() else len(here.encode()[:column].decode())
        return sum(map(len, self.lines[: line - 1])) + inside

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node begins and ends in `text`."""
        start = self.offset(node.lineno, node.col_offset)
        return start, self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def cut(self, node: ast.expr | ast.stmt) -> str:
        """A node's own text, on one line and 100 characters at most."""
        first = self.lines[node.lineno - 1].encode()
        if node.end_lineno == node.lineno:
            piece = first[node.col_offset : node.end_col_offset].decode(errors="replace")
        else:
            start, end = self.span(node)
            piece = self.text[start:end]
        piece = " ".join(piece.split())
        return piece if len(piece) <= 100 else piece[:99] + "…"

    def comments(self) -> dict[int, str]:
        """The comments by line, without their marks; none where the source cannot be tokenized."""
        if self._comments is None:
            self._comments = {}
            try:
                for token in tokenize.generate_tokens(iter([*self.lines, ""]).__next__):
                    if token.type == tokenize.COMMENT:
                        self._comments[token.start[0]] = token.string.lstrip("#:").strip()
            except (tokenize.TokenError, SyntaxError, StopIteration):
                pass  # comments are help texts: what is there until here will do
        return self._comments


def _parse(text: str, filename: str) -> ast.Module:
    if len(text) > MAX_CHARACTERS:
        raise ScriptError(f"is longer than {MAX_CHARACTERS} characters")
    if (place := text.find("\0")) >= 0:
        raise ScriptError("has a null byte, which no Python source has", text.count("\n", 0, place) + 1, 1)
    try:
        # Warnings of a script's odd escapes are its own affair, and switching them off is not safe among threads.
        with _PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, filename)
    except SyntaxError as error:
        raise ScriptError(error.msg or "invalid syntax", error.lineno or 0, error.offset or 0) from None
    except (RecursionError, MemoryError):
        raise ScriptError("is nested too deeply to be read") from None
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise ScriptError("has a lone surrogate, which is no character", line, 1) from None
    except ValueError as error:
        raise ScriptError(str(error)) from None
