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


def names(found: ScriptForm) -> list[str]:
    return [item.name for item in found.options]


def test_parsers_under_other_names_in_helpers_and_parents() -> None:
    found = read_form(
        textwrap.dedent(
            """
            from argparse import ArgumentParser as Cli

            def common():
                p = Cli(add_help=False)
                p.add_argument("--seed", type=int, default=0)
                return p

            def add_model(parser):
                group = parser.add_argument_group("model")
                group.add_argument("--width", type=int, default=WIDTH * 2)

            def parse(argv=None):
                parser = Cli("train", parents=[common()])
                add_model(parser)
                for name in ("train", "val"):
                    parser.add_argument(f"--{name}-dir", default=name)
                return parser.parse_args(argv)

            WIDTH = 16

            if __name__ == "__main__":
                parse()
            """
        )
    )
    assert {item.name: item.default for item in found.options} == {
        "seed": 0,
        "width": 32,
        "train_dir": "train",
        "val_dir": "val",
    }
    assert found.option("width").group == "model"  # type: ignore[union-attr]


def test_methods_and_functions_that_nothing_calls_here() -> None:
    found = form(
        """
        class Options:
            def __init__(self):
                self.parser = argparse.ArgumentParser()
                self.parser.add_argument("--lr", type=float, default=0.1)

            def parse(self):
                self.parser.add_argument("--name", default="x")
                return self.parser.parse_args()
        """
    )
    assert names(found) == ["lr", "name"]


def test_both_branches_of_what_is_not_known() -> None:
    found = form(
        """
        import torch
        p = argparse.ArgumentParser()
        size = 64
        if torch.cuda.is_available():
            size = 128
            p.add_argument("--gpus", type=int, default=1)
        p.add_argument("--size", type=int, default=size)
        p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        p.parse_args()
        """
    )
    assert names(found) == ["gpus", "size", "device"]
    size, device = found.options[1:]
    assert (size.default, size.computed) == (None, "size")
    assert device.computed.startswith('"cuda" if')
    assert defaults(found) == {"gpus": 1}


def test_switches_of_one_dest_are_one_boolean() -> None:
    found = form(
        """
        p = argparse.ArgumentParser()
        p.add_argument("--cuda", dest="cuda", action="store_true", default=True)
        p.add_argument("--no-cuda", dest="cuda", action="store_false")
        p.parse_args()
        """
    )
    assert [(item.name, item.style, item.flags, item.off) for item in found.options] == [
        ("cuda", "boolean_optional", ("--cuda",), ("--no-cuda",))
    ]
    assert command(found, {"cuda": False}) == ["--no-cuda"]


def test_groups_that_exclude_each_other_are_noted() -> None:
    found = form(
        """
        p = argparse.ArgumentParser()
        g = p.add_mutually_exclusive_group()
        g.add_argument("--gpu", type=int)
        g.add_argument("--cpu", action="store_true")
        p.parse_args()
        """
    )
    assert found.notes == ("Give at most one of --gpu, --cpu.",)


def test_subcommands_have_options_of_their_own() -> None:
    found = form(
        """
        p = argparse.ArgumentParser()
        p.add_argument("--seed", type=int, default=0)
        s = p.add_subparsers(dest="task", required=True)
        t = s.add_parser("train")
        t.add_argument("--lr", type=float, default=0.1)
        e = s.add_parser("eval")
        e.add_argument("ckpt")
        e.add_argument("--lr", type=float, default=0.2)
        p.parse_args()
        """
    )
    assert found.subcommands == ("train", "eval")
    assert names(found) == ["seed", "task", "train.lr", "ckpt", "eval.lr"]
    assert defaults(found) == {"seed": 0}
    params = {"seed": 1, "task": "eval", "ckpt": "a.pt", "eval.lr": 0.3}
    assert command(found, params) == ["--seed", "1", "eval", "a.pt", "--lr", "0.3"]
    assert params_of(found, command(found, params)) == (params, [])
    with pytest.raises(ValueError, match=r"train\.lr belongs to the subcommand train"):
        command(found, {"task": "eval", "train.lr": 1})


def test_a_parser_that_never_sees_the_command_line_is_none() -> None:
    found = form("p = argparse.ArgumentParser()\np.add_argument('--lr', default=1.0)\np.parse_args([])")
    assert found.kind == "none"
    assert "a list of its own" in " ".join(found.notes)


def test_two_parsers_that_share_the_command_line() -> None:
    found = form(
        """
        config_parser = parser = argparse.ArgumentParser(add_help=False)
        parser.add_argument("--config", default="")
        parser = argparse.ArgumentParser(description="Trains.")
        parser.add_argument("--lr", type=float, default=0.1)

        def _parse():
            first, rest = config_parser.parse_known_args()
            return parser.parse_args(rest)

        _parse()
        """
    )
    assert names(found) == ["config", "lr"]


def test_a_parser_of_a_module_beside_the_script() -> None:
    options = "import argparse\nfrom .base import SIZE\ndef get():\n p = argparse.ArgumentParser()\n p.add_argument('--size', default=SIZE)\n return p"
    files = {"lib.options": options, "lib.base": "SIZE = 3", "lib": ""}
    found = read_form("from lib.options import get\nargs = get().parse_args()", find=files.get)
    assert [(item.name, item.default) for item in found.options] == [("size", 3)]
    assert read_form("from lib.options import get\nargs = get().parse_args()").kind == "none"


@pytest.mark.parametrize(
    ("args", "params", "left"),
    [
        (["--lr=0.5", "-vv", "x"], {"lr": 0.5, "verbose": 2, "data": "x"}, []),
        (["x", "--learn", "2"], {"data": "x", "lr": 2.0}, []),  # a prefix, as argparse allows it
        (["x", "--lr", "fast"], {"data": "x"}, ["--lr", "fast"]),
        (["x", "--other", "1", "--lr", "-1e-3"], {"data": "x"}, ["--other", "1", "--lr", "-1e-3"]),
        (["--lr", "-3", "--", "-x"], {"lr": -3.0, "data": "-x"}, []),
        (["x", "--betas", "1", "2"], {"data": "x", "betas": [1.0, 2.0]}, []),
        (["x", "--betas", "1"], {"data": "x"}, ["--betas", "1"]),
    ],
)
def test_command_lines_that_somebody_typed(
    args: list[str], params: dict[str, object], left: list[str]
) -> None:
    found = form(
        """
        p = argparse.ArgumentParser()
        p.add_argument("data")
        p.add_argument("--lr", "--learning-rate", type=float, default=1.0)
        p.add_argument("--betas", type=float, nargs=2)
        p.add_argument("-v", "--verbose", action="count", default=0)
        p.parse_args()
        """
    )
    assert params_of(found, args) == (params, left)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lrr": 1}, "lrr is not an option that the script reads .it has lr, arch, n"),
        ({"lr": "fast"}, "lr must be a number"),
        ({"lr": float("nan")}, "lr must be a number"),
        ({"n": 1.5}, "n must be a whole number"),
        ({"n": True}, "n must be a whole number"),
        ({"n": None}, "n cannot be nothing"),
        ({"arch": "c"}, "arch must be one of a, b"),
        ({"on": 1}, "on must be true or false"),
        ({"off": False}, "off can only be switched on by --off"),
        ({"dims": 3}, "dims must be a list"),
        ({"dims": ["--x"]}, "dims has the item '--x', which the script would take for a flag"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(params: dict[str, object], message: str) -> None:
    found = form(
        """
        p = argparse.ArgumentParser()
        p.add_argument("--lr", type=float, default=1.0)
        p.add_argument("--arch", choices=["a", "b"], default="a")
        p.add_argument("--n", type=int, default=1)
        p.add_argument("--on", action="store_true")
        p.add_argument("--off", action="store_true", default=True)
        p.add_argument("--dims", nargs="+", default=["a"])
        p.parse_args()
        """
    )
    with pytest.raises(ValueError, match=message):
        command(found, params)


def test_extra_arguments_follow_and_stay_before_the_double_dash() -> None:
    found = form(
        "p = argparse.ArgumentParser()\np.add_argument('data')\np.add_argument('--n', type=int)\np.parse_args()"
    )
    assert command(found, {"data": "x", "n": 1}, ["--other", "2"]) == ["x", "--n", "1", "--other", "2"]
    assert command(found, {"data": "-x", "n": 1}, ["--other"]) == ["--n", "1", "--other", "--", "-x"]


def test_a_library_that_adds_options_hands_the_parser_back() -> None:
    found = form(
        """
        import pytorch_lightning as pl
        p = argparse.ArgumentParser()
        p = pl.Trainer.add_argparse_args(p)
        p.add_argument("--lr", type=float, default=0.1)
        p.parse_args()
        """
    )
    assert names(found) == ["lr"]
    assert "pytorch_lightning.Trainer.add_argparse_args" in found.notes[0]


def test_helps_of_which_a_part_is_not_known() -> None:
    found = option("'--arch', help='model architecture: ' + ' | '.join(models) + ' (default: resnet18)'")
    assert found.help == "model architecture: … (default: resnet18)"


def test_positionals_by_dest() -> None:
    found = option("dest='file', nargs='?', default='a'")
    assert (found.name, found.positional, found.default) == ("file", True, "a")


def test_defaults_that_cannot_be_said_need_not_be() -> None:
    found = form(
        "p = argparse.ArgumentParser()\np.add_argument('--x', nargs='+', default=[])\np.parse_args()"
    )
    assert command(found, defaults(found)) == []
    with pytest.raises(ValueError, match="x needs at least one item"):
        command(
            form("p = argparse.ArgumentParser()\np.add_argument('--x', nargs='+')\np.parse_args()"), {"x": []}
        )
