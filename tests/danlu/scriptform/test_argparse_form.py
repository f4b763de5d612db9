"""Forms of argparse scripts, against argparse itself where it can tell."""

import textwrap

import pytest

from danlu.scriptform import Option, ScriptForm, command, defaults, params_of, read_form


def form(body: str) -> ScriptForm:
    return read_form("import argparse\n" + textwrap.dedent(body))


def option(body: str) -> Option:
    return form(f"p = argparse.ArgumentParser()\np.add_argument({body})\np.parse_args()").options[0]


def test_a_typical_script() -> None:
    found = form(
        """
        def main():
            p = argparse.ArgumentParser(description="Trains a network.")
            p.add_argument("data", help="folder")
            p.add_argument("--lr", type=float, default=3e-4, help="rate (default: %(default)s)")
            p.add_argument("--batch-size", type=int, default=2**6)
            p.add_argument("--amp", action="store_true", default=False)
            args = p.parse_args()

        if __name__ == "__main__":
            main()
        """
    )
    assert (found.kind, found.summary) == ("argparse", "Trains a network.")
    assert [(item.name, item.kind, item.default) for item in found.options] == [
        ("data", "text", None),
        ("lr", "number", 3e-4),
        ("batch_size", "integer", 64),
        ("amp", "boolean", False),
    ]
    assert found.options[1].help == "rate (default: 0.0003)"
    assert found.options[0].required
    assert found.options[0].positional
    assert defaults(found) == {"lr": 3e-4, "batch_size": 64, "amp": False}
    params = {"data": "here", "lr": 0.1, "amp": True}
    assert command(found, params) == ["here", "--lr", "0.1", "--amp"]
    assert params_of(found, command(found, params)) == (params, [])


@pytest.mark.parametrize(
    ("body", "kind", "default"),
    [
        ("'--lr', type=float, default=1", "number", 1.0),
        ("'--n', type=int, default=1e3", "integer", 1000),
        ("'--n', default=10", "integer", 10),
        ("'--eps', type=float, default=1/255", "number", 1 / 255),
        ("'--x', action='store_false'", "boolean", True),
        ("'--x', type=lambda s: bool(eval(s)), default=True", "boolean", True),
        ("'--root', type=str, default='a' + '/b'", "text", "a/b"),
        ("'--arch', choices=sorted({'b': 1, 'a': 2}), default='b'", "choice", "b"),
        ("'--level', type=int, choices=range(3), default=1", "choice", 1),
        ("'--dims', type=int, nargs='+', default=[1, 2]", "list", [1, 2]),
    ],
)
def test_kinds_and_defaults(body: str, kind: str, default: object) -> None:
    found = option(body)
    assert (found.kind, found.default) == (kind, default)
    assert type(found.default) is type(default)
