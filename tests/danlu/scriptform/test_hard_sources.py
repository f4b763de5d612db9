"""Sources that are large, deep, broken or hostile: read in bounded time, or refused with their place; never executed."""

import builtins
import time
from pathlib import Path
from typing import Any

import pytest

from danlu.scriptform import ScriptError, decode, defaults, read_form

PARSER = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default={})\na = p.parse_args()\n"


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        ("x = 1\ny = (2\n", 2, 5, "never closed"),
        ("if x:\npass\n", 2, 1, "indented block"),
        ("x = 1\n\0", 2, 1, "null byte"),
        ("# ok\nx = '\ud800'\n", 2, 1, "surrogate"),
        ("(" * 5000, 0, 0, ""),
        ("-" * 200_000 + "1", 0, 0, "deeply"),
    ],
)
def test_syntax_errors_have_their_place(source: str, line: int, column: int, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read_form(source)
    assert words in caught.value.message
    if line:
        assert (caught.value.line, caught.value.column) == (line, column)
        assert str(caught.value).startswith(f"line {line}, column {column}: ")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfx = '\xc3\xa9'", "x = 'é'"),
        ("# -*- coding: latin-1 -*-\nx = 'é'".encode("latin-1"), "# -*- coding: latin-1 -*-\nx = 'é'"),
        (
            "#!/usr/bin/env python\n# vim: set fileencoding=gbk :\nx = '学'".encode("gbk"),
            "#!/usr/bin/env python\n# vim: set fileencoding=gbk :\nx = '学'",
        ),
        ("x = '学'".encode(), "x = '学'"),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert decode(data) == text
    read_form(decode(data))


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"x = 1\ny = '\xe9'\n", 2, "save the file as UTF-8"),
        (b"# coding: nonsense\n", 1, "nonsense"),
        (b"# coding: rot13\nk = 1\n", 1, "rot13"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, line: int, words: str) -> None:
    with pytest.raises(ScriptError, match=words) as caught:
        decode(data)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "default",
    [
        "10**10**10",
        "2**100000",
        "'a' * 10**12",
        "[0] * 10**10",
        "list(range(10**12))",
        "1 << 10**9",
        "'%1000000000d' % 1",
        "'{:1000000000}'.format(1)",
        "f'{1:1000000000}'",
        "1 / 0",
        "int('9' * 5000)",
        "float('inf')",
        "(lambda f: f(f))(lambda f: f(f))",
        "+".join(["1"] * 300),
    ],
)
def test_expressions_cost_nothing(default: str) -> None:
    started = time.process_time()
    (option,) = read_form(PARSER.format(default)).options
    assert option.default is None
    assert option.computed
    assert time.process_time() - started < 2


def test_effort_is_bounded() -> None:
    nested = "".join(f"{'  ' * depth}for i{depth} in range(60):\n" for depth in range(15))
    loops = nested + "  " * 15 + "p.add_argument('--x')\n"
    calls = "".join(f"def f{n}():\n f{n + 1}()\n f{n + 1}()\n" for n in range(40)) + "def f40(): ...\nf0()\n"
    doubled = "x = [1]\n" + "x = [x, x]\n" * 60 + "y = x == [[1]]\np.add_argument('--x', default=x)\n"
    for hostile in (loops, calls, "def f(x=1): f(f(f(x)))\nf()\n", "while True: x = x + x\n", doubled):
        started = time.process_time()
        found = read_form("import argparse\np = argparse.ArgumentParser()\n" + hostile + "p.parse_args()\n")
        assert time.process_time() - started < 5
        assert found.kind in {"argparse", "none"}


def test_a_megabyte_is_read_in_seconds() -> None:
    filler = "".join(f"def function_{n}(a, b):\n    return a * {n} + b\n\n" for n in range(20_000))
    started = time.process_time()
    assert defaults(read_form(filler + PARSER.format("1.5"))) == {"lr": 1.5}
    assert time.process_time() - started < 10
    with pytest.raises(ScriptError, match="longer than"):
        read_form("#" * 8_000_001)


def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("executed")

    for name in ("exec", "eval", "open", "__import__"):
        monkeypatch.setattr(builtins, name, refuse if name != "__import__" else builtins.__import__)
    source = (
        "import os, nonexistent_module_of_nobody\nopen('made', 'w')\nos.system('touch made')\nexec('x=1')\n"
        "class A:\n    open('made', 'w')\n    lr: float = eval('1')\n"
        + PARSER.format("eval('open(\"made\")')")
        + "p.add_argument('--n', type=eval, default=__import__('os').getpid())\n"
    )
    found = read_form(source)
    assert [(item.name, item.default) for item in found.options] == [("lr", None), ("n", None)]
    assert list(tmp_path.iterdir()) == []


def test_warnings_of_odd_escapes_are_the_scripts_own() -> None:
    assert read_form("x = '\\d'\n" + PARSER.format(1)).kind == "argparse"
